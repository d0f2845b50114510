namespace KdPlugins.Core

open System
open System.Collections.Generic

/// Some samples of a source, under their numbers in it.
[<Sealed>]
type internal SubsetSource(source: IDataSource, picked: int64[]) =

    /// What they are picked from.
    member _.Source = source

    /// Their numbers in it.
    member _.Picked = picked

    interface IDataSource with
        member _.Count = int64 picked.Length

        member _.Read indices =
            let mapped = Array.init indices.Length (fun i -> picked[int (indices.Span[i])])
            source.Read(ReadOnlyMemory mapped)

/// Samples by their classes.
module internal Strata =

    /// The classes by sample number, where the source knows them without reading samples.
    let rec classesOf (source: IDataSource) : (int64 -> int64) option =
        match source with
        | :? ILabelledSource as labelled -> Some labelled.ClassOf
        | :? CheckedSource as looked -> classesOf looked.Source
        | :? SubsetSource as subset ->
            classesOf subset.Source
            |> Option.map (fun classOf i -> classOf subset.Picked[int i])
        | _ -> None

    /// How many samples of each class, in proportion; what rounding leaves goes to the largest remainders.
    let shares (sizes: int64[]) (count: int64) : int64[] =
        let total = Array.sum sizes
        let shares = sizes |> Array.map (fun size -> size * count / total)

        sizes
        |> Array.mapi (fun i size -> struct (-(size * count % total), i))
        |> Array.sort
        |> Array.truncate (int (count - Array.sum shares))
        |> Array.iter (fun struct (_, i) -> shares[i] <- shares[i] + 1L)

        shares

    /// Samples of each class, in the order of the classes' numbers and of the given samples.
    let members (classOf: int64 -> int64) (samples: int64 seq) : List<int64>[] =
        let members = SortedDictionary<int64, List<int64>>()

        for i in samples do
            let label = classOf i

            if not (members.ContainsKey label) then
                members[label] <- List<int64>()

            members[label].Add i

        Seq.toArray members.Values

    /// The numbers of the samples of each class; nothing where the source does not know it without reading samples.
    let ofSource (source: IDataSource) : List<int64>[] option =
        classesOf source
        |> Option.map (fun classOf -> members classOf (seq { 0L .. source.Count - 1L }))

    /// The number of samples of each of so many classes; empty where the source does not say.
    let counts (source: IDataSource) (classes: int64) : IReadOnlyList<int64> =
        match classesOf source with
        | None -> [||]
        | Some classOf ->
            let counts = Array.zeroCreate (int classes)

            for i in 0L .. source.Count - 1L do
                let label = classOf i

                if label >= 0L && label < classes then
                    counts[int label] <- counts[int label] + 1L

            counts

/// Carving a validation set out of the training data.
module internal Split =

    // A class without a sample to train on would not be learned.
    let private leaveOne (sizes: int64[]) (shares: int64[]) =
        for i in 0 .. shares.Length - 1 do
            if shares[i] = sizes[i] then
                let room j = sizes[j] - 1L - shares[j]
                let roomiest = Seq.maxBy room (seq { 0 .. shares.Length - 1 })

                if room roomiest < 1L then
                    Fail.error
                        CoreErrors.NoSamples
                        $"The stratified validation set takes {Array.sum shares} samples, and would leave a class without one to train on."

                shares[i] <- shares[i] - 1L
                shares[roomiest] <- shares[roomiest] + 1L

    /// The first of the ranked samples of each class, as many as its share.
    let private stratified (source: IDataSource) (ranked: int64[]) (held: int64) : int64[] =
        match Strata.classesOf source with
        | None ->
            Fail.error
                CoreErrors.WrongCombination
                $"\"stratified\" is asked of {PluginNames.find source}, which does not know its samples' classes without reading them."
        | Some classOf ->
            let strata = Strata.members classOf ranked
            let sizes = strata |> Array.map (fun s -> int64 s.Count)
            let shares = Strata.shares sizes held
            leaveOne sizes shares

            Array.map2 (fun (s: List<int64>) share -> Seq.take (int share) s |> Seq.toArray) strata shares
            |> Array.concat

    /// (training, validation): which samples validate depends on the data alone, not on a run's seed, so that runs with
    /// different seeds are chosen by the same samples. Without validation (null) where the share of the samples is none.
    /// Raises KDP0310 where no sample is left to train on.
    let carve
        (fingerprint: string)
        (section: ValidationSection)
        (source: IDataSource)
        : struct (IDataSource * IDataSource) =
        let count = source.Count

        let struct (held, asked) =
            if section.Count.HasValue then
                struct (section.Count.Value, $"count {section.Count.Value}")
            else
                let fraction = section.Fraction.GetValueOrDefault 0.1
                struct (int64 (Math.Round(fraction * float count)), $"fraction {fraction}")

        if held >= count then
            Fail.error
                CoreErrors.NoSamples
                $"The validation set ({asked}) takes {held} samples of the training split, which has {count}: none is left to train on."

        if held = 0L then
            struct (source, null)
        else
            let key = RandomKey(0UL).Derive("validation").Derive(fingerprint)

            let ranked =
                Array.init (int count) int64
                |> Array.sortBy (fun i -> struct (key.Derive(i).Value, i))

            let validation =
                if section.Stratified then
                    stratified source ranked held |> Array.sort
                else
                    Array.sub ranked 0 (int held) |> Array.sort

            let taken = HashSet validation
            let training = Array.init (int count) int64 |> Array.filter (taken.Contains >> not)
            struct (SubsetSource(source, training), SubsetSource(source, validation))
