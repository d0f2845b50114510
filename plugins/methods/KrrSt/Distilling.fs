namespace KdPlugins.KrrSt

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// The stage that learns the set: a network of the pool, a batch of real images, one step on images and targets by the
/// outer objective, then one step of the network on the set.
[<Sealed>]
type internal Distilling(asker: Asker, context: IPlanContext, options: KrrStOptions, set: SyntheticSet, pool: ModelPool)
    =
    let distil = options.Distil

    let trainable =
        Trainable(
            "set",
            [| struct ("images", set.Images); struct ("targets", set.Targets) |],
            OptimiserSettings(Name = "adamw", LearningRate = distil.LearningRate),
            Distilling.Schedule distil.LastRate
        )

    let batches =
        let size = min context.Training.BatchSize (context.SourceCount options.Source)
        (int64 distil.Batch + size - 1L) / size

    // Real images as the base's views show them: the same tensor for the target model and the pool.
    let draw (step: IStepContext) : Batch =
        let view _ = step.View(options.Base, RealImages.next asker options.Source step).Input
        let input = torch.cat (Array.init (int batches) view, 0L)
        RealImages.requireView asker options.Normalised input
        Batch.Generated((input.narrow (0L, 0L, min (int64 distil.Batch) input.shape[0])).ToChannelsLast())

    let outer (step: IStepContext) (k: int) () : torch.Tensor =
        let real = draw step
        let taught = step.Forward(options.Target, real, null).Embedding // Y_r = g(X_r)
        let synthetic = pool.Features(step, k, set.Batch) // f(X_s), with graph to X_s
        let features = pool.Features(step, k, real) // f(X_r)
        use _ = Autocast.Disabled()
        Ridge.Loss(synthetic, features, set.Targets, taught, distil.Ridge)

    let distilStep (step: IStepContext) =
        let k = int (step.Random.Derive("network").Value % uint64 options.Pool.Networks)
        step.Update([| trainable |], outer step k) |> ignore
        pool.Advance(step, k)

    /// From 1 to the last multiplier, linearly over the stage.
    static member Schedule(last: float) : Func<Progress, double> =
        Func<Progress, double>(fun p -> 1.0 - (1.0 - last) * float p.Step / float (max 1L p.TotalSteps))

    /// The stage.
    member _.Stage =
        Stage(
            "distil",
            StageLength.Steps(int64 distil.Steps),
            distilStep,
            Source = options.Source,
            Trainables = Array.append [| trainable |] pool.Trainables
        )
