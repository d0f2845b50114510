namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations

/// A plugin and its options.
type PluginChoice =
    {
        /// The plugin's id.
        Id: string

        /// Its options as one line of JSON with every value written out. RecipePlugins.Create makes the plugin of it.
        Options: string
    }

/// A term of the objective.
type LossChoice =
    {
        /// The loss and its options.
        Loss: PluginChoice

        /// What it is multiplied by; finite, below 0 where the recipe says that it is to be made larger.
        Weight: double
    }

/// A further source of samples.
type SourceSection =
    {
        /// The name that strategies ask for.
        Name: string

        /// The data set and its options.
        Dataset: PluginChoice

        /// The split of it.
        Split: string
    }

    /// The source that the main data set always gives.
    static member Train = "train"

    /// The source that states are chosen by. A section of this name stands in for what is carved from the main data set.
    static member Validation = "validation"

    /// The source that results are reported on. A section of this name stands in for the main data set's split.
    static member Test = "test"

/// Where the weights of a network come from, and how the names of the file become those of the network.
[<ShortForm("path")>]
type WeightsSection =
    {
        /// A weight file (safetensors or .pth), relative to the recipe's folder.
        [<Required; MinLength(1); RegularExpression(@"[^\0]*"); RecipePath>]
        Path: string

        /// What the names that are meant begin with, such as "student."; the rest of the file is not looked at. What all names
        /// begin with, such as "module.", is found without.
        Prefix: string

        /// Beginnings of names in the file by those in the network, after the prefix; * stands for any text between two dots, ** for
        /// any parts: "layers.*.attn": "blocks.*.attention".
        Rename: IReadOnlyDictionary<string, string>

        /// Whether file and network must have the same tensors; false: what fits is loaded, and the run tells of the rest.
        Strict: bool

        /// keep, or replace where the file has another number of classes, or no head: that layer is drawn as without weights.
        [<AllowedValues("keep", "replace")>]
        Head: string
    }

    /// Whether the path says all.
    member this.IsPlain =
        String.IsNullOrEmpty this.Prefix
        && this.Rename.Count = 0
        && this.Strict
        && this.Head = WeightsSection.Keep

    /// The head is the file's.
    static member Keep = "keep"

    /// The head may be new.
    static member Replace = "replace"

    /// Everything, as it is, from nowhere.
    static member Default =
        {
            Path = null
            Prefix = null
            Rename = Map.empty<string, string>
            Strict = true
            Head = WeightsSection.Keep
        }

    /// A whole file of the network.
    static member Of(path: string) : WeightsSection =
        { WeightsSection.Default with
            Path = path
        }

    /// What a role without weights has.
    static member None = WeightsSection.Default

/// The network of a role.
type ModelSection =
    {
        /// The role.
        Role: string

        /// The architecture and its options; the other role's where the recipe said "like".
        Model: PluginChoice

        /// The weight file as the recipe writes it (Recipe.PathOf gives its place) and how it is read; WeightsSection.None for new
        /// weights.
        Weights: WeightsSection

        /// Patterns of the names of those parameters that nothing trains.
        Freeze: IReadOnlyList<string>
    }

    /// Whether a file gives its weights.
    member this.HasWeights = not (String.IsNullOrEmpty this.Weights.Path)

/// What happens to a role's batches.
type AugmentationSection =
    {
        /// The role; "shared" for what happens before the roles' views.
        Role: string

        /// In the order of application.
        Chain: IReadOnlyList<PluginChoice>
    }

/// A named generator.
type GeneratorSection =
    {
        /// The name that strategies ask for.
        Name: string

        /// The generator and its options.
        Generator: PluginChoice
    }

/// A phase before the main one.
type PhaseSection =
    {
        /// Unique; the prefix of the names of its stages.
        Name: string

        /// The role whose network is its result.
        Role: string

        /// Whether runs of several seeds share its result, which the first seed makes.
        Once: bool

        /// What it does.
        Strategy: PluginChoice

        /// The main section with the phase's changes.
        Training: TrainingSection

        /// Its objective.
        Losses: IReadOnlyList<LossChoice>
    }

/// When and by what the networks are evaluated.
type EvaluationSection =
    {
        /// After every so many epochs; 0 only at the end.
        EveryEpochs: int64

        /// Samples per forward pass; 0 for 256, fewer where images have more pixels than 64 x 64.
        BatchSize: int64

        /// What measures; empty for the meter that takes the data's targets by default.
        Meters: IReadOnlyList<PluginChoice>

        /// The name of the value that chooses the best state and heads tables; null for the first meter's choice.
        Best: string
    }

    /// After every epoch, by the default meter.
    static member Default =
        {
            EveryEpochs = 1L
            BatchSize = 0L
            Meters = Array.Empty<PluginChoice>()
            Best = null
        }

/// Answers of frozen roles that are stored once per sample and view, and replayed.
type TeacherCacheSection =
    {
        /// The roles whose answers are stored, in stages that ask them and leave their weights as they are; at least one.
        [<MinLength(1)>]
        Roles: IReadOnlyList<string>

        /// How many views of each sample there are, at least 1: every epoch has the next one, and after the last comes the first
        /// again. As many as epochs: no view comes twice in a run.
        [<Range(1, 1_000_000)>]
        Views: int64

        /// How values are stored: float32 as they are, bf16 rounded, int8 in 256 even steps between each sample's least and
        /// largest value.
        [<AllowedValues("float32", "bf16", "int8")>]
        Values: string

        /// How many of the largest logits are stored, with what the others weigh together; 0 for all.
        [<Range(0, 1_000_000)>]
        TopLogits: int64

        /// Where answers are stored; null for "answers" in the user's cache folder.
        [<MinLength(1); RegularExpression(@"[^\0]*"); RecipePath>]
        Folder: string

        /// What all answers in the folder may take, in GiB, above 0.
        [<Range(0.0, 1_000_000.0, MinimumIsExclusive = true)>]
        MaxGigabytes: double

        /// Whether answers are stored; false for the same views without, to compare with.
        Store: bool
    }

    /// Whether nothing is asked for.
    member this.IsNone = this.Roles.Count = 0

    /// What a recipe without the section has.
    static member None =
        { TeacherCacheSection.Default with
            Roles = [||]
        }

    /// The teacher's, one view, whole, at most 4 GiB.
    static member Default =
        {
            Roles = [| Roles.Teacher |]
            Views = 1L
            Values = "float32"
            TopLogits = 0L
            Folder = null
            MaxGigabytes = 4.0
            Store = true
        }
