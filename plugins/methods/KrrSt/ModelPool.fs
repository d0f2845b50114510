namespace KdPlugins.KrrSt

open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// Values of networks of one architecture.
module internal Weights =

    /// Copies the parameters and buffers whose names are wanted.
    let copy (source: INetwork) (target: INetwork) (isWanted: string -> bool) =
        use _ = torch.no_grad ()
        let values = source.Module.state_dict ()

        for entry in target.Module.state_dict () do
            if isWanted entry.Key then
                entry.Value.copy_ values[entry.Key] |> ignore

/// Networks that are on their way of learning the set, each with its own optimiser and count of steps.
[<Sealed>]
type internal ModelPool(asker: Asker, context: IPlanContext, options: KrrStOptions, set: SyntheticSet) =
    let limit = int64 options.Pool.Steps
    let key (k: int) (generation: int64) = context.Random.Derive("pool").Derive(int64 k).Derive generation
    let draw k generation = context.NewNetwork(options.Base, key k generation, set.Targets.shape[1])

    let learner k =
        let network = draw k 0L

        asker.RequireEmbedding(network.Shape, options.Base, CoreErrors.WrongCombination)
        |> ignore

        context.State.Register($"pool-{k}", network.Module)

        {|
            Network = network
            Steps = context.State.Counter($"pool-{k}-steps", 0L)
            Generation = context.State.Counter($"pool-{k}-generation", 0L)
            Trainable = Trainable.Of($"pool-{k}", network.Module, options.Pool.Settings, (fun _ -> 1.0))
            // r_k ~ U{1, ..., limit - 1}: how far it has come before the first step of distillation.
            Head = 1L + int64 ((key k -1L).Value % uint64 (max 1L (limit - 1L)))
        |}

    let learners = Array.init options.Pool.Networks learner

    // L_in on the whole set, whose values are constants here.
    let fit (step: IStepContext) (k: int) =
        let learner = learners[k]

        let objective () =
            Ridge.Regression(step.Forward(learner.Network, set.Batch, null).Logits, set.Targets)

        step.Update([| learner.Trainable |], objective) |> ignore
        learner.Steps.Value <- learner.Steps.Value + 1L

    let renew (step: IStepContext) (k: int) =
        let learner = learners[k]
        learner.Generation.Value <- learner.Generation.Value + 1L
        let fresh = draw k learner.Generation.Value
        Weights.copy fresh learner.Network (fun _ -> true)
        fresh.Module.Dispose()
        step.Restart learner.Trainable

        if options.Pool.ResetCounter then
            learner.Steps.Value <- 0L

    /// All networks' parameters.
    member _.Trainables = learners |> Array.map _.Trainable

    /// Embeddings [n, p] by a network whose weights, and norms, are constants while the set is updated.
    member _.Features(step: IStepContext, k: int, batch: Batch) : torch.Tensor =
        step.Forward(learners[k].Network, batch, null).Embedding

    /// The turn of a network after a step of distillation: a step of its own, or a new beginning.
    member _.Advance(step: IStepContext, k: int) =
        (if learners[k].Steps.Value >= limit then renew else fit) step k
        step.Report("network-steps", torch.tensor (float32 learners[k].Steps.Value))
        step.Report("network-generation", torch.tensor (float32 learners[k].Generation.Value))

    /// The stage that brings every network to its place.
    member this.Stage =
        // The network whose turn a step is: the first steps are the first one's, and so on.
        let ends = learners |> Array.map _.Head |> Array.scan (+) 0L |> Array.tail
        let owner (at: int64) = ends |> Array.findIndex (fun last -> at < last)

        Stage(
            "pool",
            StageLength.Steps(Array.last ends),
            (fun step -> fit step (owner step.Progress.Step)),
            Trainables = this.Trainables
        )
