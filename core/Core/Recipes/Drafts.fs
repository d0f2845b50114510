namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open System.Text.Json.Serialization

// A recipe as it is written: bound like options, then checked against the catalog. The schema is made of these too.

module internal Names =

    /// Names of recipes, roles, phases, sources and generators.
    [<Literal>]
    let Kebab = "[a-z0-9]+(-[a-z0-9]+)*"

    [<Literal>]
    let Device = "auto|cpu|cuda(:[0-9]{1,3})?"

/// Which plugins a section's id and options are those of.
[<Sealed; AllowNullLiteral; AttributeUsage(AttributeTargets.Property)>]
type internal OfKindAttribute(kind: PluginKind) =
    inherit Attribute()
    member _.Kind = kind

/// A data set, generator, augmentation or strategy.
type internal PluginDraft =
    {
        /// The plugin's id.
        [<Required>]
        Id: string

        /// The plugin's options; its defaults hold for what is left out.
        Options: JsonTree
    }

/// A loss and its weight.
type internal LossDraft =
    {
        /// The loss's id.
        [<Required>]
        Id: string

        /// What the loss is multiplied by; at least 0 unless "maximise" is true.
        Weight: double

        /// Says that a weight below 0, by which the loss is made larger, is meant.
        Maximise: bool

        /// The loss's options.
        Options: JsonTree
    }

    static member Default =
        {
            LossDraft.Id = null
            Weight = 1.0
            Maximise = false
            Options = null
        }

/// A further source of samples.
type internal SourceDraft =
    {
        /// The data set's id.
        [<Required>]
        Id: string

        /// The split of the data set.
        [<MinLength(1)>]
        Split: string

        /// The data set's options.
        Options: JsonTree
    }

    static member Default =
        {
            SourceDraft.Id = null
            Split = "train"
            Options = null
        }

/// The network of a role: an architecture, or another role's.
type internal ModelDraft =
    {
        /// The architecture's id.
        Id: string

        /// The role whose architecture and options this role has too.
        Like: string

        /// The architecture's options.
        Options: JsonTree

        /// A weight file (safetensors or .pth), relative to the recipe's folder, or a section that says how it is read; new weights
        /// where it is left out.
        Weights: WeightsSection

        /// What of the network nothing trains, a text or several: a module's name means all that is in it, * any part of a name.
        /// Norms in it stay in evaluation mode.
        Freeze: JsonTree
    }

    static member Default =
        {
            ModelDraft.Id = null
            Like = null
            Options = null
            Weights = Unchecked.defaultof<_>
            Freeze = null
        }

/// A phase before the main one.
type internal PhaseDraft =
    {
        /// Unique; the role's name where it is left out.
        [<RegularExpression(Names.Kebab, ErrorMessage = "a name in kebab-case, such as my-run-2")>]
        Name: string

        /// The role whose network is the result; the strategy's own result where it is left out.
        Role: string

        /// With several seeds: run for the first one only, whose result the others take over.
        Once: bool

        /// What the phase does; supervised training of the role by cross-entropy where it is left out.
        [<OfKind(PluginKind.Strategy)>]
        Strategy: PluginDraft

        /// Changes of the main training section.
        Training: JsonTree

        /// The objective; the main one where it is left out and a strategy is given.
        [<OfKind(PluginKind.Loss)>]
        Losses: IReadOnlyList<LossDraft>
    }

    static member Default =
        {
            PhaseDraft.Name = null
            Role = null
            Once = false
            Strategy = Unchecked.defaultof<_>
            Training = null
            Losses = null
        }

/// When and by what the networks are evaluated.
type internal EvaluationDraft =
    {
        /// After every so many epochs; 0 only at the end.
        [<Range(0, 1_000_000)>]
        EveryEpochs: int64

        /// Samples per forward pass; 0 for 256, fewer where images have more pixels than 64 x 64.
        [<Range(0, 1_000_000)>]
        BatchSize: int64

        /// What measures; the default meter of the data's targets, with its basic values, where it is left out.
        [<OfKind(PluginKind.Meter)>]
        Meters: IReadOnlyList<PluginDraft>

        /// The value that chooses the best state and heads tables; the first meter's choice where it is left out.
        [<RegularExpression(Names.Kebab, ErrorMessage = "the name of a value, such as accuracy")>]
        Best: string
    }

    static member Default =
        {
            EvaluationDraft.EveryEpochs = EvaluationSection.Default.EveryEpochs
            BatchSize = EvaluationSection.Default.BatchSize
            Meters = Array.Empty()
            Best = null
        }

/// A recipe.
type internal RecipeDraft =
    {
        /// The schema that editors complete by; not read.
        [<JsonPropertyName("$schema")>]
        Schema: string

        /// Names the run, in kebab-case.
        [<Required;
          MaxLength(100);
          RegularExpression(Names.Kebab, ErrorMessage = "a name in kebab-case, such as my-run-2")>]
        Name: string

        /// The seed of the run; 1 where neither seed nor seeds is given.
        [<Range(0.0, 9223372036854775807.0)>]
        Seed: Nullable<int64>

        /// One run per seed, reported together.
        [<Length(1, 1000)>]
        Seeds: IReadOnlyList<int64>

        /// auto, cpu, cuda or cuda:N.
        [<RegularExpression(Names.Device, ErrorMessage = "auto, cpu, cuda or cuda:N")>]
        Device: string

        /// float32, or bf16 for autocast.
        [<AllowedValues("float32", "bf16")>]
        Precision: string

        /// What happens where this processor computes a layer of the networks wrongly: refuse, or warn and go on.
        [<AllowedValues(WrongLayersRule.Route, WrongLayersRule.Refuse, WrongLayersRule.Warn)>]
        WrongLayers: string

        /// The main data set; its splits are train and, where it has one, test.
        [<Required; OfKind(PluginKind.Dataset)>]
        Dataset: PluginDraft

        /// What is kept apart from training for choosing the best state: one of fraction, count and split.
        Validation: ValidationSection

        /// Further sources by name.
        [<OfKind(PluginKind.Dataset)>]
        Sources: IReadOnlyDictionary<string, SourceDraft>

        /// The networks by role.
        [<Required; OfKind(PluginKind.Model)>]
        Models: IReadOnlyDictionary<string, ModelDraft>

        /// What happens to batches: "shared" first, then per role, in order.
        [<OfKind(PluginKind.Augmentation)>]
        Augmentations: IReadOnlyDictionary<string, IReadOnlyList<PluginDraft>>

        /// Generators by name.
        [<OfKind(PluginKind.Generator)>]
        Generators: IReadOnlyDictionary<string, PluginDraft>

        /// The objective: a weighted sum.
        [<OfKind(PluginKind.Loss)>]
        Losses: IReadOnlyList<LossDraft>

        /// The method.
        [<Required; OfKind(PluginKind.Strategy)>]
        Strategy: PluginDraft

        /// Answers of frozen roles that are stored once per sample and view, and replayed; nothing where it is left out.
        TeacherCache: TeacherCacheSection

        /// How long is trained, and how.
        Training: TrainingSection

        /// Phases before the main one, in order.
        Prepare: IReadOnlyList<PhaseDraft>

        /// Adds a role "baseline", trained without teacher like the result role, to compare with.
        Baseline: bool

        /// When the networks are evaluated.
        Evaluation: EvaluationDraft

        /// When checkpoints are written.
        Checkpoints: CheckpointSection
    }

    static member Default =
        {
            Schema = null
            Name = null
            Seed = Nullable()
            Seeds = null
            Device = "auto"
            Precision = "float32"
            WrongLayers = WrongLayersRule.Route
            Dataset = Unchecked.defaultof<_>
            Validation = Unchecked.defaultof<_>
            Sources = Dictionary<string, SourceDraft>()
            Models = null
            Augmentations = Dictionary<string, IReadOnlyList<PluginDraft>>()
            Generators = Dictionary<string, PluginDraft>()
            Losses = Array.Empty()
            Strategy = Unchecked.defaultof<_>
            TeacherCache = Unchecked.defaultof<_>
            Training = TrainingSection.Default
            Prepare = Array.Empty()
            Baseline = false
            Evaluation = EvaluationDraft.Default
            Checkpoints = CheckpointSection.Default
        }
