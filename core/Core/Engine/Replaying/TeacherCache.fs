namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open TorchSharp

/// Answers of frozen roles that are stored once per sample and view, and replayed.
/// In a stage in which it serves somebody, shared augmentations and those of the roles that it serves draw from streams that
/// derive from the recipe's pipeline and the view's number alone, so that the view of a sample is the same in every run.
/// folder: null for an account without a place for such things. warn: told once of what is in the way.
[<Sealed; AllowNullLiteral>]
type internal TeacherCache
    (section: TeacherCacheSection, folder: string, facts: ReplayFacts, clock: TimeProvider, warn: string -> unit) =
    let served = HashSet<string>()
    let stores = Dictionary<string, AnswerStore>()
    let weights = Dictionary<string, struct (int64 * string)>()
    let mutable reads = section.Store && not (isNull folder)
    let mutable writes = reads
    let mutable passes, seconds, replayed = 0L, 0.0, 0L

    let broken (what: string) (error: exn) =
        writes <- false

        warn
            $"The teacher's answers cannot be {what} '{folder}': {error.Message.TrimEnd '.'}. The run goes on, and asks the network itself."

    // What a disk refuses costs time, and nothing else.
    let onDisk (what: string) (fallback: 'T) (go: unit -> 'T) : 'T =
        try
            go ()
        with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? NotSupportedException as error ->
            if what = "read from" then
                reads <- false

            broken what error
            fallback

    // The hash of what a role is in this stage; null where it has changed since: nothing can be said of it then.
    let weightsOf (role: string) (network: INetwork) (version: int64) : string =
        match weights.TryGetValue role with
        | true, struct (known, hash) when known = version -> hash
        | true, _ ->
            warn $"The weights of '{role}' change within a stage that does not train it: its answers are not stored."
            null
        | _ ->
            let hash = ReplayKeys.hashOf network
            weights[role] <- struct (version, hash)
            hash

    let storeOf (role: string) (hash: string) (lineage: Lineage) : AnswerStore =
        let key = facts.Key(role, hash, lineage)

        match stores.TryGetValue key with
        | true, store -> store
        | _ ->
            let store = new AnswerStore((if isNull folder then "" else folder), key, section)
            stores[key] <- store
            store

    let rowsOf (lineage: Lineage) (batch: Batch) : int64[] =
        let struct (_, samples) = facts.Sources[lineage.Source]

        batch.Indices.data<int64>().ToArray()
        |> Array.map (fun i -> lineage.View * samples + i)

    let nothing: struct (Tensor[] * bool[]) = struct (null, null)

    let isWhole (struct (columns: Tensor[], there: bool[])) = not (isNull columns) && Array.forall id there

    let live (compute: unit -> ModelOutput) =
        let began = clock.GetTimestamp()
        let output = compute ()
        passes <- passes + 1L
        seconds <- seconds + clock.GetElapsedTime(began).TotalSeconds
        output

    // Bytes that all answers in the folder may grow to.
    let folderBytes () =
        if Directory.Exists folder then
            DirectoryInfo(folder).EnumerateFiles "*.answers" |> Seq.sumBy _.Length
        else
            0L

    let mayMake (part: AnswerPart) (form: RowForm) (rows: int64) =
        let most = section.MaxGigabytes * 1073741824.0
        let wanted = RowFile.Size(form, rows)
        let taken = if part.Form.IsSome then 0L else folderBytes ()

        if part.Form.IsSome || float (taken + wanted) <= most then
            true
        else
            writes <- false

            warn
                $"The answers in '{folder}' take {Room.text (float taken)}, and {Room.text (float wanted)} more would be above teacherCache.maxGigabytes, {section.MaxGigabytes}. The run goes on, and asks the network itself. Delete answers that nobody needs, or raise the limit."

            false

    let write (lineage: Lineage) (part: AnswerPart) form rows columns there =
        let struct (_, samples) = facts.Sources[lineage.Source]

        if writes then
            onDisk "written to" () (fun () ->
                if mayMake part form (samples * section.Views) then
                    part.Write(form, samples * section.Views, rows, columns, there))

    // A row that is there stays what it is, so that a resumed run meets what the uninterrupted one met.
    let stored
        (lineage: Lineage)
        (part: AnswerPart)
        (found: struct (Tensor[] * bool[]))
        (rows: int64[])
        (value: Tensor)
        : Tensor =
        match RowCodec.formOf part.Codec value with
        | ValueNone -> value
        | ValueSome form ->
            let struct (old, there) = found
            let encoded = RowCodec.encode part.Codec form value
            // They may be the network's own memory.
            let columns =
                if isNull old then
                    encoded
                else
                    encoded |> Array.map _.clone()

            let known =
                if isNull old || part.Form <> ValueSome form then
                    Array.create rows.Length false
                else
                    let buffer = Array.zeroCreate<byte> form.Bytes

                    there
                    |> Array.iteri (fun i isThere ->
                        if isThere then
                            RowCodec.gather old i (Span buffer)
                            RowCodec.scatter columns i (ReadOnlySpan buffer))

                    there

            write lineage part form rows columns known
            RowCodec.decode part.Codec form value.device columns

    let answer
        (store: AnswerStore)
        (network: INetwork)
        (lineage: Lineage)
        (batch: Batch)
        (taps: string seq)
        (device: torch.Device)
        (compute: unit -> ModelOutput)
        =
        let rows = rowsOf lineage batch

        let parts =
            AnswerParts.names network taps |> List.map (fun name -> name, store.Part name)

        let read (part: AnswerPart) : struct (Tensor[] * bool[]) =
            if reads then
                onDisk "read from" nothing (fun () -> part.Read rows)
            else
                nothing

        let found = parts |> List.map (fun (_, part) -> read part)

        if found |> List.forall isWhole then
            replayed <- replayed + 1L

            List.zip parts found
            |> List.map (fun ((name, part), struct (columns, _)) ->
                name, RowCodec.decode part.Codec part.Form.Value device columns)
            |> AnswerParts.output
        else
            let output: ModelOutput = live compute

            // Where the shape says otherwise, a replay would give another answer than the network.
            if isNull output.Embedding <> (network.Shape.Embedding <= 0L) then
                output
            else
                List.zip parts found
                |> List.map (fun ((name, part), old) ->
                    name, stored lineage part old rows (AnswerParts.value output name))
                |> AnswerParts.output

    /// What the recipe says.
    member _.Section = section

    /// Where answers are stored; null for nowhere.
    member _.Folder = folder

    /// Whether nothing is written, as where a recipe is only tried.
    member val IsTrial = false with get, set

    /// How often networks were asked, how many seconds that took, and how often nobody was asked.
    member _.Counts = struct (passes, seconds, replayed)

    /// A stage begins, in which these roles stay as they are and are asked.
    member this.Enter(roles: string seq) =
        this.Leave()
        served.UnionWith roles
        writes <- writes && not this.IsTrial

    /// Whether it answers for a role in this stage.
    member _.Serves(role: string) = served.Contains role

    /// Where a batch of a source comes from that is the epoch's; null where nobody is served, or the source is none of the
    /// recipe's. Every epoch has another view, until all have been there.
    member _.Begin(source: string, epoch: int64) : Lineage =
        if served.Count > 0 && facts.Sources.ContainsKey source then
            Lineage(source, epoch % section.Views, [])
        else
            null

    /// What a role's view is made of, of a batch that comes from there; null where it is drawn as ever.
    member _.View(role: string, from: Lineage) : Lineage =
        if isNull from || not (served.Contains role) then
            null
        else
            from.For role

    /// The random stream of the augmentations that a batch has just come from.
    member _.Stream(lineage: Lineage) : RandomKey =
        RandomKey(0UL).Derive("teacher-cache").Derive(facts.Stream lineage).Derive(lineage.View)

    /// A network's answer to a batch, stored or computed. version: of its weights. taps: those that the answer has.
    member _.Answer
        (role: string, network: INetwork, version: int64, batch: Batch, taps: string seq, compute: unit -> ModelOutput)
        : ModelOutput =
        match batch.Lineage with
        | null -> compute ()
        | _ when not (served.Contains role) -> compute ()
        | lineage ->
            match weightsOf role network version with
            | null -> compute ()
            | hash -> answer (storeOf role hash lineage) network lineage batch taps batch.Input.device compute

    /// The share of a sample of rows that is there, of all parts of a role's answers to a source's views.
    member _.Present(role: string, network: INetwork, source: string, path: string list, taps: string seq) : float =
        let struct (_, samples) = facts.Sources[source]
        let rows = samples * section.Views
        let looked = if reads then min rows 512L else 0L

        if looked = 0L then
            0.0
        else
            use store =
                new AnswerStore(folder, facts.Key(role, ReplayKeys.hashOf network, Lineage(source, 0L, path)), section)

            let parts = AnswerParts.names network taps |> List.map store.Part

            let isThere (i: int64) =
                let row =
                    int64 (Int128.op_Implicit i * Int128.op_Implicit rows / Int128.op_Implicit looked)

                parts |> List.forall (fun part -> part.Has row)

            onDisk "read from" 0.0 (fun () ->
                float (Seq.init (int looked) int64 |> Seq.filter isThere |> Seq.length)
                / float looked)

    /// The stage is over.
    member _.Leave() =
        for store in stores.Values do
            (store :> IDisposable).Dispose()

        stores.Clear()
        weights.Clear()
        served.Clear()

    /// How many samples a source's views are of; 0 for one that is none of the recipe's.
    member _.SamplesOf(source: string) =
        match facts.Sources.TryGetValue source with
        | true, struct (_, samples) -> samples
        | _ -> 0L

    /// The parts of an answer and the forms of their rows. Raises KDP0306 where they cannot be stored as the recipe says.
    member _.Forms(role: string, network: INetwork, output: ModelOutput, taps: string seq) : (string * RowForm) list =
        use store = new AnswerStore("", "", section)

        [
            for name in AnswerParts.names network taps do
                match AnswerParts.value output name with
                | null -> ()
                | value ->
                    match RowCodec.formOf (store.Part name).Codec value with
                    | ValueSome form -> name, form
                    | ValueNone when name = AnswerStore.Logits && section.TopLogits > 0L ->
                        Fail.error
                            CoreErrors.WrongCombination
                            $"teacherCache.topLogits is {section.TopLogits}, and the logits of '{role}' are {KdPlugins.Torch.TensorText.Shape(ReadOnlySpan(Array.skip 1 value.shape))} for a sample: one row of more values is needed."
                    | ValueNone -> ()
        ]

    interface IDisposable with
        member this.Dispose() = this.Leave()
