namespace KdPlugins.KrrSt

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// Networks that are on their way of learning the set, each with its own optimiser and count of steps.
[<Sealed>]
type internal ModelPool(context: IPlanContext, options: KrrStOptions, set: SyntheticSet) =
    let size = options.Pool.Networks
    let limit = int64 options.Pool.Steps
    let key (k: int) (generation: int64) = context.Random.Derive("pool").Derive(int64 k).Derive generation

    let networks =
        [|
            for k in 0 .. size - 1 -> context.NewNetwork(options.Base, key k 0L, set.Width)
        |]

    let counts =
        [| for k in 0 .. size - 1 -> context.State.Counter($"pool-{k}-steps", 0L) |]

    let generations =
        [|
            for k in 0 .. size - 1 -> context.State.Counter($"pool-{k}-generation", 0L)
        |]

    let trainables =
        networks
        |> Array.mapi (fun k n -> Trainable.Of($"pool-{k}", n.Module, options.Pool.Settings, (fun _ -> 1.0)))

    // r_k ~ U{1, ..., limit - 1}: how far each network has come before the first step of distillation.
    let heads =
        [|
            for k in 0 .. size - 1 ->
                if limit = 1L then
                    1L
                else
                    1L + int64 ((key k -1L).Value % uint64 (limit - 1L))
        |]

    do
        for k in 0 .. size - 1 do
            if networks[k].Shape.Embedding < 1L then
                raise (
                    KdException(
                        CoreErrors.WrongCombination,
                        $"Strategy 'krr-st' regresses on embeddings; networks like '{options.Base}' have none."
                    )
                )

            context.State.Register($"pool-{k}", networks[k].Module)

    let number (value: int64) = torch.tensor (float32 value)

    // L_in on the whole set, whose values are constants here.
    let fit (step: IStepContext) (k: int) =
        let objective () =
            Ridge.Regression(step.Forward(networks[k], set.Batch, null).Logits, set.Targets)

        step.Update([| trainables[k] |], objective) |> ignore
        counts[k].Value <- counts[k].Value + 1L

    let renew (step: IStepContext) (k: int) =
        generations[k].Value <- generations[k].Value + 1L
        let fresh = context.NewNetwork(options.Base, key k generations[k].Value, set.Width)
        use _ = torch.no_grad ()
        let drawn = fresh.Module.state_dict ()

        for entry in networks[k].Module.state_dict() do
            entry.Value.copy_ drawn[entry.Key] |> ignore

        fresh.Module.Dispose()
        step.Restart trainables[k]

        if options.Pool.ResetCounter then
            counts[k].Value <- 0L

    /// The number of networks.
    member _.Size = size

    /// All networks' parameters.
    member _.Trainables = trainables

    /// Embeddings [n, p] by a network whose weights, and norms, are constants while the set is updated.
    member _.Features(step: IStepContext, k: int, batch: Batch) : torch.Tensor =
        step.Forward(networks[k], batch, null).Embedding

    /// The turn of a network after a step of distillation: a step of its own, or a new beginning.
    member _.Advance(step: IStepContext, k: int) =
        if counts[k].Value >= limit then
            renew step k
        else
            fit step k

        step.Report("network-steps", number counts[k].Value)
        step.Report("network-generation", number generations[k].Value)

    /// The stage that brings every network to its place.
    member _.Stage =
        // The network whose turn a step is: the first heads[0] are the first one's, and so on.
        let owner (at: int64) =
            let mutable k, rest = 0, at

            while rest >= heads[k] do
                rest <- rest - heads[k]
                k <- k + 1

            k

        Stage(
            "pool",
            StageLength.Steps(Array.sum heads),
            (fun step -> fit step (owner step.Progress.Step)),
            Trainables = trainables
        )
