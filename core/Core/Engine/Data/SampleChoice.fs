namespace KdPlugins.Core

open System.Collections.Generic

/// Which samples stand for a source of which only some are looked at.
module internal SampleChoice =

    // Nothing of a run: whoever looks at so many samples of a source looks at the same ones.
    let private key = RandomKey(0UL).Derive("some samples")

    /// The classes by sample number, where the source knows them without reading samples.
    let rec classesOf (source: IDataSource) : (int64 -> int64) option =
        match source with
        | :? ILabelledSource as labelled -> Some labelled.ClassOf
        | :? CheckedSource as looked -> classesOf looked.Source
        | :? SubsetSource as subset ->
            classesOf subset.Source
            |> Option.map (fun classOf i -> classOf subset.Picked[int i])
        | _ -> None

    /// The numbers of the samples of each class, by class; nothing where the source does not know it without reading samples.
    let strata (source: IDataSource) : SortedDictionary<int64, List<int64>> option =
        classesOf source
        |> Option.map (fun classOf ->
            let members = SortedDictionary<int64, List<int64>>()

            for i in 0L .. source.Count - 1L do
                let label = classOf i

                if not (members.ContainsKey label) then
                    members[label] <- List<int64>()

                members[label].Add i

            members)

    /// The number of samples of each of so many classes; empty where the source does not say.
    let classCounts (source: IDataSource) (classes: int64) : IReadOnlyList<int64> =
        match strata source with
        | None -> [||]
        | Some members ->
            Array.init (int classes) (fun c ->
                match members.TryGetValue(int64 c) with
                | true, some -> int64 some.Count
                | _ -> 0L)

    /// One place in each of count stretches of a length, as equal as they can be; drawn, since samples may come in turns
    /// that an even step would follow.
    let private spread (stream: int64) (length: int64) (count: int64) : int64[] =
        Array.init (int count) (fun k ->
            let first = int64 k * length / count
            let next = (int64 k + 1L) * length / count
            let drawn = key.Derive(stream).Derive(int64 k).Value
            first + int64 (drawn % uint64 (next - first)))

    /// How many samples of each class, in proportion; what rounding leaves goes to the largest remainders.
    let private shares (sizes: int64[]) (count: int64) : int64[] =
        let total = Array.sum sizes
        let shares = sizes |> Array.map (fun size -> size * count / total)

        sizes
        |> Array.mapi (fun i size -> struct (-(size * count % total), i))
        |> Array.sort
        |> Array.truncate (int (count - Array.sum shares))
        |> Array.iter (fun struct (_, i) -> shares[i] <- shares[i] + 1L)

        shares

    let private stratified (members: SortedDictionary<int64, List<int64>>) (count: int64) : int64[] =
        let strata = Seq.toArray members.Values

        shares (strata |> Array.map (fun s -> int64 s.Count)) count
        |> Array.mapi (fun i share ->
            spread (int64 i) (int64 strata[i].Count) share
            |> Array.map (fun p -> strata[i][int p]))
        |> Array.concat
        |> Array.sort

    /// The numbers of count samples of a source, in its order: evenly over it, by classes where it knows them, the same
    /// ones every time. All of them where it has no more.
    let choose (source: IDataSource) (count: int64) : int64[] =
        if count >= source.Count then
            Array.init (int source.Count) int64
        else
            match strata source with
            | Some members -> stratified members count
            | None -> spread 0L source.Count count
