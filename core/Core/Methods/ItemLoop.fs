namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp

/// Items that are made one after the other by so many updates each, such as batches of images or compensators: update i is of
/// item i div N, so that a run finds its place in an item again by the number alone.
/// iterations: N. trainables: what is updated. start: sets an item's values before its first update, without graph, and begins the optimisers
/// of what is its own anew. objective: of an update; a scalar with graph. after: an update is done; gets its objective's
/// value, without graph. keep: stores an item after its last update, without graph.
[<Sealed>]
type ItemLoop
    (
        iterations: int64,
        trainables: IReadOnlyList<Trainable>,
        start: Action<IStepContext, int64>,
        objective: Func<IStepContext, int64, Tensor>,
        after: Action<Tensor>,
        keep: Action<int64>
    ) =

    /// One update. number: of the update among those of all items. isLast: whether there will be none after it, so that an item
    /// that is not done is kept as it is.
    member _.Iterate(step: IStepContext, number: int64, isLast: bool) : unit =
        let item, e = number / iterations, number % iterations

        if e = 0L then
            use _ = torch.no_grad ()
            start.Invoke(step, item)

        let value = step.Update(trainables, (fun () -> objective.Invoke(step, number)))
        use _ = torch.no_grad ()
        after.Invoke value

        if e = iterations - 1L || isLast then
            keep.Invoke item
