namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations

/// How the learning rate goes over a stage. All shares are of the stage's steps.
type ScheduleSection =
    {
        /// constant, multi-step, cosine, exponential, one-cycle, polynomial or linear.
        [<AllowedValues("constant", "multi-step", "cosine", "exponential", "one-cycle", "polynomial", "linear")>]
        Name: string

        /// multi-step: the shares at which the rate is multiplied by the factor; in (0, 1), increasing.
        Milestones: IReadOnlyList<double>

        /// multi-step: what each milestone multiplies the rate by. exponential: what each epoch multiplies it by. In (0, 1].
        [<Range(1e-12, 1.0)>]
        Factor: double

        /// The share over which the rate first rises linearly from zero, in [0, 1).
        [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
        Warmup: double

        /// The lowest multiplier of the rate, in [0, 1].
        [<Range(0.0, 1.0)>]
        Minimum: double

        /// polynomial: the power, above 0.
        [<Range(1e-6, 100.0)>]
        Power: double

        /// one-cycle: the share at which the rate is highest, in (0, 1).
        [<Range(0.0, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)>]
        Peak: double

        /// one-cycle: the multiplier of the first step, in (0, 1].
        [<Range(1e-12, 1.0)>]
        Start: double
    }

    /// Cosine without warm-up.
    static member Default =
        {
            Name = "cosine"
            Milestones = [| 0.625; 0.75; 0.875 |]
            Factor = 0.1
            Warmup = 0.0
            Minimum = 0.0
            Power = 2.0
            Peak = 0.3
            Start = 0.04
        }

/// How gradients change parameters, as a recipe says it.
type OptimiserSection =
    {
        /// sgd, adam, adamw or lars.
        [<AllowedValues("sgd", "adam", "adamw", "lars")>]
        Name: string

        /// The learning rate at multiplier 1, above 0.
        [<Range(0.0, 1000.0, MinimumIsExclusive = true)>]
        LearningRate: double

        /// Momentum of sgd and lars, in [0, 1).
        [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
        Momentum: double

        /// Nesterov's form of momentum (sgd).
        Nesterov: bool

        /// Weight decay: added to the gradient (sgd, adam, lars), decoupled (adamw).
        [<Range(0.0, 1000.0)>]
        WeightDecay: double

        /// The gradients' largest common 2-norm; 0 for no limit.
        [<Range(0.0, 1e12)>]
        ClipNorm: double

        /// The largest absolute value of a gradient's entry; 0 for no limit.
        [<Range(0.0, 1e12)>]
        ClipValue: double

        /// First moment's decay of adam and adamw, in [0, 1).
        [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
        Beta1: double

        /// Second moment's decay of adam and adamw, in [0, 1).
        [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
        Beta2: double

        /// Added to the denominator of adam and adamw, above 0.
        [<Range(0.0, 1.0, MinimumIsExclusive = true)>]
        Epsilon: double
    }

    /// SGD with momentum.
    static member Default =
        let settings = OptimiserSettings()

        {
            Name = settings.Name
            LearningRate = settings.LearningRate
            Momentum = settings.Momentum
            Nesterov = settings.Nesterov
            WeightDecay = settings.WeightDecay
            ClipNorm = settings.ClipNorm
            ClipValue = settings.ClipValue
            Beta1 = settings.Beta1
            Beta2 = settings.Beta2
            Epsilon = settings.Epsilon
        }

    /// The same as the engine takes it.
    member this.ToSettings() =
        OptimiserSettings(
            Name = this.Name,
            LearningRate = this.LearningRate,
            Momentum = this.Momentum,
            Nesterov = this.Nesterov,
            WeightDecay = this.WeightDecay,
            ClipNorm = this.ClipNorm,
            ClipValue = this.ClipValue,
            Beta1 = this.Beta1,
            Beta2 = this.Beta2,
            Epsilon = this.Epsilon
        )

/// How long is trained, and how.
type TrainingSection =
    {
        /// The number of epochs; 0 trains nothing.
        [<Range(0, 1_000_000)>]
        Epochs: int64

        /// Samples that the networks see at once, at least 1. An update is made of one such batch, or of "accumulate" of them.
        [<Range(1, 1_000_000)>]
        BatchSize: int64

        /// Batches per update, at least 1: the gradient is the mean over all their samples. An epoch is one pass over the data
        /// all the same; the last update of an epoch takes the batches that are left. Steps, rates and checkpoints count updates.
        [<Range(1, 10_000)>]
        Accumulate: int64

        /// How gradients change parameters.
        Optimiser: OptimiserSection

        /// How the learning rate goes.
        Schedule: ScheduleSection
    }

    /// Ten epochs of 64 samples an update.
    static member Default =
        {
            Epochs = 10L
            BatchSize = 64L
            Accumulate = 1L
            Optimiser = OptimiserSection.Default
            Schedule = ScheduleSection.Default
        }

/// What a run does where this processor computes a layer of its networks wrongly.
module internal WrongLayersRule =

    [<Literal>]
    let Route = "route"

    [<Literal>]
    let Refuse = "refuse"

    [<Literal>]
    let Warn = "warn"

/// What is kept apart from training for choosing the best state: one of the three, or none of them where a source of the
/// recipe is called "validation".
type ValidationSection =
    {
        /// The share of the training split, in (0, 1); null where another is given.
        [<Range(0.0, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)>]
        Fraction: Nullable<double>

        /// The number of samples of the training split; null where another is given.
        [<Range(1, 1_000_000_000)>]
        Count: Nullable<int64>

        /// A split of its own; null where another is given.
        [<MinLength(1)>]
        Split: string

        /// Whether every class of the training split gives its share, as near as whole samples allow, and keeps one at least; of a
        /// data set that knows its samples' classes. Not beside split.
        Stratified: bool
    }

    /// None of the ways.
    static member Default =
        {
            Fraction = Nullable()
            Count = Nullable()
            Split = null
            Stratified = false
        }

    /// A tenth of the training split: what holds where a recipe says nothing.
    static member Tenth =
        { ValidationSection.Default with
            Fraction = Nullable 0.1
        }

    /// Nothing is kept apart: the recipe has a source for it.
    static member OfSource = ValidationSection.Default

    /// Whether the recipe has a source for it.
    member this.IsOfSource =
        not this.Fraction.HasValue && not this.Count.HasValue && isNull this.Split

/// When checkpoints are written.
type CheckpointSection =
    {
        /// After every so many steps; 0 for no such rule.
        [<Range(0, 1_000_000_000)>]
        EverySteps: int64

        /// After so many seconds; 0 for no such rule.
        [<Range(0, 1_000_000_000)>]
        EverySeconds: int64

        /// How many of the newest are kept, at least 1.
        [<Range(1, 10_000)>]
        Keep: int64
    }

    /// Every minute, two kept.
    static member Default =
        {
            EverySteps = 0L
            EverySeconds = 60L
            Keep = 2L
        }
