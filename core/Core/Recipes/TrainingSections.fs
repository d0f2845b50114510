namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations

/// How the learning rate goes over a stage. All shares are of the stage's steps.
type ScheduleSection =
    {
        /// constant, step, multi-step, cosine, exponential, one-cycle, polynomial, linear or plateau.
        [<AllowedValues("constant",
                        "step",
                        "multi-step",
                        "cosine",
                        "exponential",
                        "one-cycle",
                        "polynomial",
                        "linear",
                        "plateau")>]
        Name: string

        /// multi-step: the shares at which the rate is multiplied by the factor; in (0, 1), increasing.
        Milestones: IReadOnlyList<double>

        /// step, multi-step, plateau: what the rate is multiplied by. exponential: what each epoch multiplies it by. In (0, 1].
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

        /// Steps over which the rate first rises, in place of a share; 0 for none.
        [<Range(0, 1_000_000_000)>]
        WarmupSteps: int64

        /// Epochs over which the rate first rises, in place of a share; 0 for none.
        [<Range(0.0, 1e6)>]
        WarmupEpochs: double

        /// step: the epochs after which the rate is multiplied by the factor, again and again; at least 1.
        [<Range(1, 1_000_000)>]
        StepEpochs: int64

        /// plateau: epochs without a better score after which the rate is multiplied by the factor, at least 1.
        [<Range(1, 1_000_000)>]
        Patience: int64
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
            WarmupSteps = 0L
            WarmupEpochs = 0.0
            StepEpochs = 30L
            Patience = 10L
        }

/// How gradients change parameters, as a recipe says it.
type OptimiserSection =
    {
        /// sgd, adam, adamw, lars, lion or muon.
        [<AllowedValues("sgd", "adam", "adamw", "lars", "lion", "muon")>]
        Name: string

        /// The learning rate at multiplier 1, above 0.
        [<Range(0.0, 1000.0, MinimumIsExclusive = true)>]
        LearningRate: double

        /// Momentum of sgd, lars and muon, in [0, 1).
        [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
        Momentum: double

        /// Nesterov's form of momentum (sgd).
        Nesterov: bool

        /// Weight decay: added to the gradient (sgd, adam, lars), decoupled (adamw, lion, muon).
        [<Range(0.0, 1000.0)>]
        WeightDecay: double

        /// The gradients' largest common 2-norm; 0 for no limit.
        [<Range(0.0, 1e12)>]
        ClipNorm: double

        /// The largest absolute value of a gradient's entry; 0 for no limit.
        [<Range(0.0, 1e12)>]
        ClipValue: double

        /// First moment's decay of adam, adamw, lion and (for biases and norms) muon, in [0, 1).
        [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
        Beta1: double

        /// Second moment's decay of adam, adamw and muon, the moment's of lion, in [0, 1).
        [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
        Beta2: double

        /// Added to the denominator of adam, adamw and muon, above 0.
        [<Range(0.0, 1.0, MinimumIsExclusive = true)>]
        Epsilon: double

        /// Whether parameters of at most one dimension (norms, biases) have weight decay too; lars never decays them.
        DecayNormsAndBiases: bool

        /// What each layer's learning rate is of the next one's, counted from the output, in (0, 1]. Layers are the modules at the
        /// network's top, of numbered lists each entry; norms belong to what precedes them.
        [<Range(0.0, 1.0, MinimumIsExclusive = true)>]
        LayerDecay: double

        /// Factors on the learning rate, from 0 to 1000, by patterns of parameters' names: a module's name means all that is in
        /// it, * any part of a name. Where several fit, all count.
        Rates: IReadOnlyDictionary<string, double>
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
            DecayNormsAndBiases = settings.DecayNormsAndBiases
            LayerDecay = settings.LayerDecay
            Rates = settings.Rates
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
            Epsilon = this.Epsilon,
            DecayNormsAndBiases = this.DecayNormsAndBiases,
            LayerDecay = this.LayerDecay,
            Rates = this.Rates
        )

/// An exponential average of the weights of what a stage trains, evaluated and exported beside them.
type EmaSection =
    {
        /// What of the average each step leaves, in [0, 1): the closer to 1, the more steps it looks back over; 0 for no average.
        [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
        Decay: double

        /// Whether the n-th step leaves no more than (1 + n) / (10 + n) of it, so that the first weights do not weigh on.
        Warmup: bool
    }

    /// No average.
    static member Default = { Decay = 0.0; Warmup = true }

    /// Whether there is none.
    member this.IsNone = this.Decay = 0.0

/// When a stage ends that becomes no better.
type EarlyStoppingSection =
    {
        /// After so many epochs without a better value the stage ends; 0 for never.
        [<Range(0, 1_000_000)>]
        Patience: int64

        /// By how much a value has to be better to count, at least 0.
        [<Range(0.0, 1e12)>]
        Delta: double

        /// A meter's value on the validation source, such as accuracy; what chooses the best state where it is left out.
        [<RegularExpression(@"[a-z0-9]+(-[a-z0-9]+)*", ErrorMessage = "the name of a value, such as accuracy")>]
        Value: string
    }

    /// Never.
    static member Default =
        {
            Patience = 0L
            Delta = 0.0
            Value = null
        }

    /// Whether all epochs are taken, whatever comes of them.
    member this.IsNone = this.Patience = 0L

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

        /// An exponential average of the weights beside them.
        Ema: EmaSection

        /// Ends a stage that becomes no better.
        EarlyStopping: EarlyStoppingSection

        /// Ends a stage after the step at which it has taken so many minutes, earlier sittings counted; 0 for no limit.
        [<Range(0.0, 1e7)>]
        MaxMinutes: double

        /// shuffled: every sample once an epoch. balanced: each draw takes a class and then a sample of it, with replacement.
        [<AllowedValues("shuffled", "balanced")>]
        Sampling: string
    }

    /// Ten epochs of 64 samples an update.
    static member Default =
        {
            Epochs = 10L
            BatchSize = 64L
            Accumulate = 1L
            Optimiser = OptimiserSection.Default
            Schedule = ScheduleSection.Default
            Ema = EmaSection.Default
            EarlyStopping = EarlyStoppingSection.Default
            MaxMinutes = 0.0
            Sampling = "shuffled"
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
