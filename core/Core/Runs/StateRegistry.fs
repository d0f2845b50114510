namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Torch.Weights

[<Sealed>]
type internal Counter(initial: int64) =
    interface ICounter with
        member val Value = initial with get, set

/// The state that a strategy owns, between its plan and the checkpoints. Owns the pools; parameters belong to whoever
/// registered them, modules to the run.
/// device: where pools that were not on the CPU come back. keep: makes a module one of the run's, under the name.
[<Sealed>]
type internal StateRegistry(device: torch.Device, keep: Action<string, torch.nn.Module>) =

    static let section = "state"
    static let separator = "::"
    static let poolFacts = "pools"
    static let parameterEntry = "value"

    let names = HashSet<string>(StringComparer.Ordinal)
    let parameters = SortedDictionary<string, Parameter>(StringComparer.Ordinal)
    let counters = SortedDictionary<string, ICounter>(StringComparer.Ordinal)
    let pools = SortedDictionary<string, Pool>(StringComparer.Ordinal)

    let join (name: string) (entry: string) = name + separator + entry
    let counterKey (name: string) = join section name

    let claim (name: string) =
        if String.IsNullOrEmpty name || name.Contains separator then
            Fail.error RunErrors.BadName $"State is called '{name}'; '{separator}' and nothing are not allowed."

        if not (names.Add name) then
            let known = String.concat ", " names
            Fail.error RunErrors.StateDuplicate $"'{name}' is registered already; there are: {known}."

    /// The tensors that have a fixed shape, by their name in the section.
    let fixedTensors () =
        let all = SortedDictionary<string, torch.Tensor>(StringComparer.Ordinal)

        for entry in parameters do
            all[join entry.Key parameterEntry] <- entry.Value

        all

    /// The saved columns of a pool by their names.
    let savedColumns (source: IWeightSource) (pool: string) =
        let prefix = join pool ""

        [
            for entry in source.Entries.Values do
                if entry.Name.StartsWith(prefix, StringComparison.Ordinal) then
                    entry.Name.Substring prefix.Length, entry
        ]

    let poolDifferences (source: IWeightSource) =
        [
            for entry in pools do
                let columns = savedColumns source entry.Key

                let counts =
                    columns
                    |> List.map (fun (_, e) -> if e.Shape.Count = 0 then -1L else e.Shape[0])
                    |> List.distinct

                match counts with
                | [] -> ()
                | [ rows ] when rows >= 0L && (entry.Value.Capacity = 0L || rows <= entry.Value.Capacity) -> ()
                | [ rows ] ->
                    $"pool '{entry.Key}' was saved with {rows} rows, its capacity is {entry.Value.Capacity} now"
                | _ -> $"pool '{entry.Key}' was saved with columns of different lengths"
        ]

    let counterDifferences (checkpoint: LoadedCheckpoint) =
        let prefix = counterKey ""

        [
            for entry in counters do
                if not (checkpoint.Counters.ContainsKey(counterKey entry.Key)) then
                    $"counter '{entry.Key}' is missing from what was saved"

            for key in checkpoint.Counters.Keys do
                if
                    key.StartsWith(prefix, StringComparison.Ordinal)
                    && not (counters.ContainsKey(key.Substring prefix.Length))
                then
                    $"counter '{key.Substring prefix.Length}' was saved, and nothing takes it"
        ]

    /// What was saved besides the pools' columns.
    let savedFixed (source: IWeightSource) =
        let ofPools =
            HashSet<string>(
                pools.Keys
                |> Seq.collect (savedColumns source)
                |> Seq.map (fun (_, e) -> e.Name)
            )

        let rest = Dictionary<string, WeightEntry>()

        for entry in source.Entries do
            if not (ofPools.Contains entry.Key) then
                rest[entry.Key] <- entry.Value

        rest

    let loadPools (checkpoint: LoadedCheckpoint) (source: IWeightSource) =
        let facts = checkpoint.Facts[poolFacts]

        for entry in pools do
            let onCpu =
                isNull facts
                || isNull facts[entry.Key]
                || facts[entry.Key].GetValue<string>() = "cpu"

            let place = if onCpu then torch.CPU else device

            savedColumns source entry.Key
            |> List.map (fun (column, saved) -> column, source.ToTensor(saved.Name, place))
            |> entry.Value.Import

    /// Whether a saved tensor is a column of a pool. facts: those of the same content.
    static member internal IsOfPool(facts: JsonObject, name: string) =
        match facts[poolFacts] with
        | :? JsonObject as pools ->
            pools
            |> Seq.exists (fun pool -> name.StartsWith(pool.Key + separator, StringComparison.Ordinal))
        | _ -> false

    /// Puts the state into a checkpoint's content. Tensors that it has to make belong to the current dispose scope: let it
    /// last until the checkpoint is saved.
    member _.Export(content: CheckpointContent) =
        let all = fixedTensors ()
        let places = JsonObject()

        for entry in pools do
            for column, tensor in entry.Value.Export() do
                all[join entry.Key column] <- tensor

                places[entry.Key] <-
                    JsonValue.Create(
                        if tensor.device_type = DeviceType.CPU then
                            "cpu"
                        else
                            "device"
                    )

        content.Sections[section] <- all
        content.Facts[poolFacts] <- places

        for entry in counters do
            content.Counters[counterKey entry.Key] <- entry.Value.Value

    /// Takes the state from a checkpoint, bit for bit, in place. What was registered has to be what was saved.
    /// Raises KDP0614 where the checkpoint has no such section, KDP0621 with everything that is missing, unexpected, or of
    /// another shape or dtype; nothing was changed then.
    member _.Import(checkpoint: LoadedCheckpoint) =
        let source = checkpoint.Section section
        let targets = fixedTensors ()

        SavedTensors.Refuse(
            $"The strategy's state in checkpoint '{checkpoint.Info.Name}'",
            SavedTensors.Differences(targets, savedFixed source)
            @ poolDifferences source
            @ counterDifferences checkpoint
        )

        SavedTensors.Copy(targets, source)
        loadPools checkpoint source

        for entry in counters do
            entry.Value.Value <- checkpoint.Counter(counterKey entry.Key)

    interface IStateRegistry with
        member _.Register(name: string, state: torch.nn.Module) =
            claim name
            keep.Invoke(name, state)

        member _.Register(name: string, state: Parameter) =
            claim name
            parameters[name] <- state

        member _.Counter(name, initial) =
            claim name
            let counter = Counter initial :> ICounter
            counters[name] <- counter
            counter

        member _.Pool(name, capacity) =
            claim name
            let pool = new Pool(name, capacity)
            pools[name] <- pool
            pool

    /// Bytes that each pool holds now, and can hold at most.
    member internal _.PoolBytes() : IReadOnlyDictionary<string, struct (float * float)> =
        let all = Dictionary<string, struct (float * float)>()

        for entry in pools do
            let pool = entry.Value
            let rows = float (pool :> IPool).Count

            let most = if pool.Capacity > 0L then float pool.Capacity else infinity

            all[entry.Key] <- struct (rows * pool.BytesPerRow, most * pool.BytesPerRow)

        all

    /// Frees the pools.
    member _.Dispose() =
        for pool in pools.Values do
            (pool :> IDisposable).Dispose()

    interface IDisposable with
        member this.Dispose() = this.Dispose()
