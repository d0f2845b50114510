namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO

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

        /// What it is multiplied by; finite.
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

/// The network of a role.
type ModelSection =
    {
        /// The role.
        Role: string

        /// The architecture and its options; the other role's where the recipe said "like".
        Model: PluginChoice

        /// The weight file as the recipe writes it (Recipe.PathOf gives its place); null for new weights.
        Weights: string
    }

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

/// A run as a recipe describes it, checked, with every default written out. RecipeReader makes it.
/// Lists of named things are ordered by name (ordinal); chains, losses and phases keep the recipe's order.
type Recipe =
    {
        /// In kebab-case; names the run.
        Name: string

        /// At least one, each at least 0, all different.
        Seeds: IReadOnlyList<int64>

        /// auto, cpu, cuda or cuda:N.
        Device: string

        /// float32 or bf16.
        Precision: string

        /// The main data set.
        Dataset: PluginChoice

        /// What is kept apart from training.
        Validation: ValidationSection

        /// Further sources by name.
        Sources: IReadOnlyList<SourceSection>

        /// The networks by role.
        Models: IReadOnlyList<ModelSection>

        /// One per role of Models, and "shared".
        Augmentations: IReadOnlyList<AugmentationSection>

        /// The generators by name.
        Generators: IReadOnlyList<GeneratorSection>

        /// The objective of the main phase.
        Losses: IReadOnlyList<LossChoice>

        /// The main phase.
        Strategy: PluginChoice

        /// How the main phase trains.
        Training: TrainingSection

        /// The phases before it, in order; the baseline's among them.
        Prepare: IReadOnlyList<PhaseSection>

        /// Whether the role "baseline" is to be compared with the result: it and its phase are then in Models and Prepare.
        Baseline: bool

        /// When the networks are evaluated.
        Evaluation: EvaluationSection

        /// When checkpoints are written.
        Checkpoints: CheckpointSection

        /// What relative paths are relative to, an absolute path. Not part of the identity.
        Folder: string
    }

    /// The name under "augmentations" of what happens before the roles' views.
    static member Shared = "shared"

    /// The role and phase that "baseline": true adds.
    static member BaselineRole = "baseline"

    /// The absolute place of a path that the recipe writes.
    member this.PathOf(path: string) = Path.GetFullPath(path, this.Folder)

    /// The network of a role; null where the recipe has none.
    member this.Model(role: string) : ModelSection =
        this.Models
        |> Seq.tryFind (fun m -> m.Role = role)
        |> Option.defaultValue Unchecked.defaultof<_>

    /// What happens to a role's batches, in order; empty where the recipe says nothing.
    member this.AugmentationsOf(role: string) : IReadOnlyList<PluginChoice> =
        match this.Augmentations |> Seq.tryFind (fun a -> a.Role = role) with
        | Some section -> section.Chain
        | None -> Array.Empty<PluginChoice>()
