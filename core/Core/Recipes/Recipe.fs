namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Security.Cryptography
open System.Text

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

        /// route, refuse or warn, where this processor computes a layer of the networks wrongly.
        WrongLayers: string

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

        /// What is stored of frozen roles' answers; TeacherCacheSection.None for nothing.
        TeacherCache: TeacherCacheSection

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

        /// The files and folders that it names, wherever in it, by options that say that they are paths.
        Paths: IReadOnlyList<NamedPath>
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

    /// The recipe with every value written out, in the order of the format: equal recipes give equal texts, whatever
    /// their folders, and reading the text back gives an equal recipe.
    member this.ToResolvedJson() : string =
        RecipeText.once this (fun json ->
            json.WriteStartObject()
            json.WriteString("name", this.Name)
            RecipeText.field json "seeds" this.Seeds
            json.WriteString("device", this.Device)
            json.WriteString("precision", this.Precision)
            json.WriteString("wrongLayers", this.WrongLayers)
            RecipeText.plugin json "dataset" this.Dataset
            RecipeText.validation json this.Validation
            RecipeText.map json "sources" this.Sources RecipeText.source
            RecipeText.map json "models" this.Models RecipeText.model
            RecipeText.map json "augmentations" this.Augmentations RecipeText.augmentations
            RecipeText.map json "generators" this.Generators RecipeText.generator
            RecipeText.losses json this.Losses
            RecipeText.plugin json "strategy" this.Strategy

            // Only where it says something: other recipes have the identity that they always had.
            if not this.TeacherCache.IsNone then
                RecipeText.field json "teacherCache" this.TeacherCache

            RecipeText.training json TrainingSection.Default this.Training
            RecipeText.phases json this.Training this.Prepare
            json.WriteBoolean("baseline", this.Baseline)
            RecipeText.evaluation json this.Evaluation
            RecipeText.field json "checkpoints" this.Checkpoints
            json.WriteEndObject())

    /// SHA-256 of the resolved text, in lower-case hexadecimal: the recipe's identity.
    member this.Identity() : string =
        this.ToResolvedJson()
        |> Encoding.UTF8.GetBytes
        |> SHA256.HashData
        |> Convert.ToHexStringLower
