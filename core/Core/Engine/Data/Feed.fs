namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Threading.Tasks
open TorchSharp
open KdPlugins.Torch

/// The order of samples: a pure function of (key, epoch, index), so that there is no iterator to save. Batches are
/// numbered through all epochs; the rest of an epoch that fills no batch is left out (a set smaller than a batch is one).
/// strata: the samples of each class, where each draw takes a class and then a sample of it, both with replacement; null for
/// every sample once an epoch.
[<Sealed>]
type internal SampleOrder(count: int64, batchSize: int64, key: RandomKey, strata: int64[][]) =
    let size = max 1L (min count batchSize)
    let perEpoch = max 1L (count / size)
    let mutable epoch = -1L
    let mutable order: SeededPermutation = null

    let drawn (position: int64) =
        let key = key.Derive("balanced").Derive position
        let pick (purpose: int64) (length: int) = int (key.Derive(purpose).Value % uint64 length)
        let some = strata[pick 0L strata.Length]
        some[pick 1L some.Length]

    /// Every sample once an epoch.
    new(count, batchSize, key) = SampleOrder(count, batchSize, key, null)

    /// Batches per epoch, at least 1.
    member _.PerEpoch = perEpoch

    /// The samples of the n-th batch.
    member _.Batch(n: int64) =
        if not (isNull strata) then
            Array.init (int size) (fun i -> drawn (n * size + int64 i))
        else
            if n / perEpoch <> epoch then
                epoch <- n / perEpoch
                order <- SeededPermutation(key.Derive(epoch).Value, count)

            let first = n % perEpoch * size
            Array.init (int size) (fun i -> order[first + int64 i])

/// Everything in a batch that has to be disposed.
module internal BatchTensors =
    let private ofTarget (target: Target) : Tensor seq =
        match target with
        | :? ClassIndexTarget as t -> [ t.Labels ]
        | :? SoftTarget as t -> [ t.Values ]
        | :? ClassMapTarget as t -> [ t.Labels ]
        | :? TokenTarget as t -> [ t.Ids; t.Mask ]
        | :? BoxTarget as t -> Seq.append t.Boxes t.Labels
        | _ -> Seq.empty

    let all (batch: Batch) =
        seq {
            yield batch.Input
            yield batch.Mask
            yield batch.Indices
            yield! ofTarget batch.Target
            yield! batch.Parameters.Values
        }
        |> Seq.filter (isNull >> not)

    /// The batch as networks take it: images as float in [0, 1] and channels_last, everything on the device.
    let toDevice (device: torch.Device) (batch: Batch) =
        let moved = batch.To device

        if moved.Input.dim () <> 4L then
            moved
        else
            // A quarter of the bytes to move while they are bytes.
            let laidOut = moved.Input.ToChannelsLast()

            let input =
                if laidOut.dtype = torch.ScalarType.Byte then
                    laidOut.to_type(torch.ScalarType.Float32).div_((255.0).ToScalar())
                else
                    laidOut

            moved.WithInput input

/// A source's batches in order, read ahead of the step that needs them by background tasks.
/// changes: whether the source changes during the run; it is read only when a step asks, then.
[<Sealed>]
type internal Feed
    (name: string, source: IDataSource, batchSize: int64, key: RandomKey, clock: TimeProvider, changes: bool) =
    let ahead = if changes then 0L else 2L
    let pending = Dictionary<int64, Task<Batch>>()
    let mutable order = SampleOrder(source.Count, batchSize, key)
    let mutable orderCount = source.Count
    let mutable size = batchSize
    let mutable isBalanced = false
    let mutable strata: int64[][] = null
    let mutable waited = TimeSpan.Zero

    // A source that grows (a pool) gets a new order whenever its length has changed, and any whenever its batches have.
    let current () =
        if source.Count <> orderCount then
            orderCount <- source.Count
            order <- SampleOrder(orderCount, size, key, (if isBalanced then strata else null))
            pending.Clear()

        order

    let start n =
        if source.Count < 1L then
            Fail.error CoreErrors.NoSamples $"A step asks for a batch of the source '{name}', which has 0 samples."

        if not (pending.ContainsKey n) then
            let indices = (current ()).Batch n
            pending[n] <- Task.Run(fun () -> source.Read(ReadOnlyMemory indices))

    /// The source's name.
    member _.Name = name

    /// The samples.
    member _.Source = source

    /// Whether they change during the run.
    member _.Changes = changes

    /// Samples per batch; phases may differ in it.
    member this.BatchSize
        with get () = size
        and set value =
            if value <> size then
                this.Reset()
                size <- value
                orderCount <- -1L

    /// Whether each draw takes a class and then a sample of it, where the source says what samples are.
    member this.IsBalanced
        with get () = isBalanced
        and set value =
            if value <> isBalanced then
                this.Reset()

                if value && isNull strata then
                    strata <-
                        match Strata.ofSource source with
                        | Some members -> members |> Array.map _.ToArray()
                        | None -> null

                isBalanced <- value
                orderCount <- -1L

    /// Batches per epoch at the present length.
    member _.PerEpoch = (current ()).PerEpoch

    /// How long steps have waited for data.
    member _.Waited = waited

    /// The n-th batch, on the CPU, owned by the current dispose scope.
    member _.Take(n: int64, scope: DisposeScope) =
        start n

        for next in n + 1L .. n + ahead do
            start next

        let began = clock.GetTimestamp()
        let read () = pending[n].GetAwaiter().GetResult()
        let batch = DrawCheck.During($"Reading the source '{name}'", read)
        waited <- waited + clock.GetElapsedTime began
        pending.Remove n |> ignore

        for tensor in BatchTensors.all batch do
            scope.Attach tensor |> ignore

        batch

    /// Forgets what was read ahead, for a jump to another position.
    member _.Reset() =
        for task in pending.Values do
            task.ContinueWith(fun (t: Task<Batch>) ->
                if t.IsCompletedSuccessfully then
                    BatchTensors.all t.Result |> Seq.iter (fun tensor -> tensor.Dispose()))
            |> ignore

        pending.Clear()
