namespace KdPlugins.Core

open System
open System.ComponentModel.DataAnnotations
open TorchSharp
open KdPlugins.Torch

/// The options of strategies that optimise images against frozen networks. The defaults are those of CIFAR experiments.
/// statisticsWeight: the default of that option.
[<AbstractClass; AllowNullLiteral>]
type InversionOptions(statisticsWeight: double) =

    /// Updates of what is made at once, a compensator or a batch of images (N). 1 to 1,000,000; default 1000. For ImageNet the
    /// papers take 2000 and 4000.
    [<Range(1, 1_000_000)>]
    member val Iterations = 1000 with get, set

    /// Adam's learning rate at the first of these updates, in deviations of the data; it falls to 0 by a cosine. Above 0 to
    /// 100; default 0.25.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val LearningRate = 0.25 with get, set

    /// The weight of the statistics' gap (r_bn, alpha_BN). 0 to 1000.
    [<Range(0.0, 1000.0)>]
    member val StatisticsWeight = statisticsWeight with get, set

    /// The first batch norm's weight among the others, which have 1. 0 to 1000; default 10.
    [<Range(0.0, 1000.0)>]
    member val FirstNormWeight = 10.0 with get, set

    /// The largest roll, down and right, in pixels. 0 to 1024; default 4, the papers' 32 for ImageNet.
    [<Range(0, 1024)>]
    member val Jitter = 4 with get, set

    /// Whether every iteration sees a random part of the images at full size, mirrored one time in two, as the papers do for
    /// ImageNet. Default: false.
    member val Crop = false with get, set

/// Images that are optimised against frozen networks, item by item: L = CE + weight BN (Yin et al. 2020; see Terms), by Adam
/// with a rate that falls by a cosine over each item's iterations.
/// name: the key of what is optimised, in the run's state and among the trainables. parameter: its name there. shape: its
/// shape.
[<Sealed>]
type Inversion(context: IPlanContext, options: InversionOptions, name: string, parameter: string, shape: int64[]) =
    let iterations = int64 options.Iterations

    let values =
        SmallSet.Zeros(context, name, torch.ScalarType.Float32, shape, trained = true)

    let trainable =
        Trainable(
            name,
            [| struct (parameter, values) |],
            OptimiserSettings(
                Name = "adam",
                LearningRate = options.LearningRate,
                Beta1 = 0.5,
                Beta2 = 0.9,
                Epsilon = 1e-8
            ),
            fun progress -> SynthesisMath.CosineDecay(progress.Step % iterations, iterations)
        )

    let objective (step: IStepContext) (role: string) (images: unit -> struct (torch.Tensor * torch.Tensor)) () =
        let struct (pixels, labels) = images ()
        let random = SeededRandom(step.Random.Derive("jitter").Value)
        let v = Inversion.Jitter(pixels, random, options.Crop, options.Jitter)

        let seen =
            step.EvaluationView(role, Batch(v, ClassIndexTarget labels, torch.full (labels.shape[0], -1L)))

        let struct (output, norms) = step.ThroughNorms(role, seen, null, false)

        let struct (ce, gap) =
            Inversion.Terms(output, norms, labels, options.FirstNormWeight)

        step.Report("ce", ce)
        step.Report("statistics", gap)
        ce.add (gap.mul (options.StatisticsWeight.ToScalar()))

    /// What is optimised.
    member _.Values: torch.Tensor = values

    /// The stage that makes all items, one after the other; step i is iteration i mod N of item i div N.
    /// role: whose network an item is made against. start: sets the values before an item's first iteration. images: what the
    /// values stand for, in pixel values [n, ch, H, W] with graph to them, and their classes int64 [n]. confine: brings the
    /// values after every update to where they may lie. keep: stores an item after its last iteration.
    member _.Stage
        (
            name: string,
            items: int64,
            role: Func<int64, string>,
            start: Action<IStepContext>,
            images: Func<int64, struct (torch.Tensor * torch.Tensor)>,
            confine: Action,
            keep: Action<int64>
        ) : Stage =
        let loop =
            ItemLoop(
                iterations,
                [| trainable |],
                (fun step _ ->
                    start.Invoke step
                    step.Restart trainable),
                (fun step number ->
                    let item = number / iterations
                    objective step (role.Invoke item) (fun () -> images.Invoke item) ()),
                (fun _ -> confine.Invoke()),
                keep
            )

        let iterate (step: IStepContext) =
            loop.Iterate(step, step.Progress.Step, (step.Progress.Step = step.Progress.TotalSteps - 1L))

        Stage(name, StageLength.Steps(items * iterations), iterate, Trainables = [| trainable |])

    /// Images [N, C, H, W] as one iteration sees them, all alike: where asked for a random part brought back to full size
    /// and, one time in two, mirrored; then rolled down and right by 0 to jitter pixels each. Without crop and jitter the
    /// images themselves.
    static member Jitter(images: torch.Tensor, random: SeededRandom, crop: bool, jitter: int) : torch.Tensor =
        let cropped =
            if not crop then
                images
            else
                let struct (top, left, height, width) =
                    SynthesisMath.DrawCrop(random, images.shape[2], images.shape[3])

                let part = SynthesisMath.CropAndResize(images, top, left, height, width)
                if random.NextBool 0.5 then part.flip 3L else part

        if jitter = 0 then
            cropped
        else
            let down = random.NextInt64(int64 jitter + 1L)
            SynthesisMath.Roll(cropped, down, random.NextInt64(int64 jitter + 1L))

    /// How well images are what they ought to be to a network: the mean cross-entropy with their classes, and the weighted
    /// gap of all batch-norm statistics (see SynthesisMath.WeightedGap); two scalars with graph to the images.
    /// output, norms: of the network, with the biased variance. labels: int64 [N]. first: the first batch norm's weight, the
    /// others have 1.
    static member Terms
        (output: ModelOutput, norms: NormStatistics, labels: torch.Tensor, first: double)
        : struct (torch.Tensor * torch.Tensor) =
        struct (torch.nn.functional.cross_entropy (output.Logits, labels),
                SynthesisMath.WeightedGap(SynthesisMath.Gaps norms, first))
