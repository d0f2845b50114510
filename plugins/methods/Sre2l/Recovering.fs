namespace KdPlugins.Sre2l

open System
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Core
open KdPlugins.Torch

/// The recovered images while they are made, as a source: image i is of class i mod C.
/// images: uint8 [N, ch, H, W], on one device; read, never changed.
[<Sealed>]
type internal RecoveredSource(images: torch.Tensor, classes: int64) =

    interface IDataSource with
        member _.Count = images.shape[0]

        member _.Read indices =
            use _ = torch.no_grad ()
            use _ = torch.NewDisposeScope()
            let keep (t: torch.Tensor) = t.MoveToOuterDisposeScope()
            let numbers = torch.tensor (indices.ToArray())
            let labels = numbers.remainder (classes.ToScalar())
            let picked = images.detach().index_select(0L, numbers.``to`` images.device).cpu()
            Batch(keep picked, ClassIndexTarget(keep labels), keep numbers)

/// Recovers images from a network: state of the run, a source, and the stage "recover".
[<Sealed>]
type internal Recovering(context: IPlanContext, options: Sre2lOptions) =
    let classes = context.Data.Classes
    let shape = Seq.toArray context.Data.InputShape
    let total = int64 options.ImagesPerClass * classes
    let size = min total (int64 options.BatchSize)
    let items = (total + size - 1L) / size
    let iterations = int64 options.Iterations

    let perChannel (values: seq<double>) (fallback: double) =
        let known =
            if Seq.isEmpty values then
                Seq.replicate (int shape[0]) fallback
            else
                values

        torch.tensor(Seq.toArray known, torch.ScalarType.Float32, context.Device).view(1L, -1L, 1L, 1L)

    let mean () = perChannel context.Data.Mean 0.0

    let std () = perChannel context.Data.Std 1.0

    let images =
        let kept =
            new Parameter(
                torch.zeros (Array.append [| total |] shape, dtype = torch.ScalarType.Byte, device = context.Device),
                false
            )

        context.State.Register("images", kept)
        kept

    // The batch that is being recovered, normalised by the data's mean and deviation: [size, ch, H, W].
    let z =
        let made =
            new Parameter(torch.zeros (Array.append [| size |] shape, device = context.Device))

        context.State.Register("batch", made)
        made

    let trainable =
        Trainable(
            "batch",
            [| struct ("z", z) |],
            OptimiserSettings(
                Name = "adam",
                LearningRate = options.LearningRate,
                Beta1 = 0.5,
                Beta2 = 0.9,
                Epsilon = 1e-8
            ),
            fun progress -> SynthesisMath.CosineDecay(progress.Step % iterations, iterations)
        )

    let pixels (count: int64) = z.narrow(0L, 0L, count).mul(std ()).add(mean ())

    let start (step: IStepContext) =
        use _ = torch.no_grad ()
        use generator = step.Random.Derive("noise").NewGenerator context.Device

        z.copy_ (torch.randn (z.shape, device = context.Device, generator = generator))
        |> ignore

        step.Restart trainable

    // Equation 6: L = CE + alpha_BN R_BN.
    let objective (step: IStepContext) (count: int64) (labels: torch.Tensor) () =
        let random = SeededRandom(step.Random.Derive("jitter").Value)
        let v = Inversion.Jitter(pixels count, random, options.Crop, options.Jitter)
        let role = options.Teacher

        let seen =
            step.EvaluationView(role, Batch(v, ClassIndexTarget labels, torch.full (count, -1L)))

        let struct (ce, gap) =
            Inversion.Terms(role, context.Network role, seen.Input, labels, options.FirstNormWeight)

        step.Report("ce", ce)
        step.Report("statistics", gap)
        ce.add (gap.mul (options.StatisticsWeight.ToScalar()))

    // After every update each channel stays within what pixels can be: [-mean/std, (1 - mean)/std].
    let clip () =
        use _ = torch.no_grad ()

        let low, high =
            mean().neg().div(std ()), mean().neg().add(1.0.ToScalar()).div(std ())

        z.copy_ (torch.minimum (torch.maximum (z, low), high)) |> ignore

    // Step i is iteration i mod N of batch i div N.
    let recover (step: IStepContext) =
        let item, e = step.Progress.Step / iterations, step.Progress.Step % iterations
        let first = item * size
        let count = min size (total - first)
        let numbers = torch.arange (first, first + count, device = context.Device)
        let labels = numbers.remainder (classes.ToScalar())

        if e = 0L then
            start step

        step.Update([| trainable |], objective step count labels) |> ignore
        clip ()

        if e = iterations - 1L || step.Progress.Step = step.Progress.TotalSteps - 1L then
            use _ = torch.no_grad ()

            let codes =
                (pixels count).mul((255.0).ToScalar()).round().clamp(0.0.ToScalar(), (255.0).ToScalar())

            images.narrow(0L, first, count).copy_ codes |> ignore

    /// uint8 [N, ch, H, W].
    member _.Images: torch.Tensor = images

    /// The images with their classes.
    member _.Source: IDataSource = RecoveredSource(images, classes)

    /// "recover".
    member _.Stage =
        Stage("recover", StageLength.Steps(items * iterations), recover, Trainables = [| trainable |])
