namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes
open System.Threading
open TorchSharp

/// Cells in columns, for people. Raises KDP0382 for a row that has not as many cells as the header.
[<Sealed; AllowNullLiteral>]
type ToolTable(header: IReadOnlyList<string>, rows: IReadOnlyList<IReadOnlyList<string>>) =
    do
        for row in rows do
            if row.Count <> header.Count then
                Fail.error
                    CoreErrors.ToolFault
                    $"A row of a table has {row.Count} cells, its header {header.Count}: {String.Join(' ', row)}."

    /// The columns' names.
    member _.Header = header

    /// As many cells each as the header has.
    member _.Rows = rows

/// What a tool says: text to people, an object to programs.
/// name: of the kind of line, in kebab-case; programs find it under "event". values: what else programs find.
[<Sealed; AllowNullLiteral>]
type ToolOutput(name: string, values: JsonObject, text: string) =

    /// Of the kind of line.
    member _.Name = name

    /// For programs.
    member _.Values = values

    /// For people.
    member _.Text = text

    /// Shown to people before the text; null for none.
    member val Table: ToolTable = null with get, set

    /// A number as JSON has it; NaN and infinities as names, which JSON has no numbers for.
    static member Number(value: double) : JsonNode =
        if Double.IsFinite value then
            JsonValue.Create value
        else
            JsonValue.Create(value.ToString "R")

/// Augmentations in a row that a tool was told of, checked as those of a recipe are.
type IAugmentationChain =

    /// The roles whose networks they ask.
    abstract Consults: IReadOnlyCollection<string>

/// The data, networks and augmentations of a recipe, without a strategy. Disposing it frees them.
type IToolRun =
    inherit IDisposable

    /// What the main data set holds.
    abstract Data: DataInfo

    /// The device that everything lives on.
    abstract Device: torch.Device

    /// The recipe's training section.
    abstract Training: TrainingPlan

    /// The root of the run's random streams.
    abstract Random: RandomKey

    /// A role's network. Raises KDP0301 where it was not asked for.
    abstract Network: role: string -> INetwork

    /// The number of samples of a source. Raises KDP0305 where the recipe has none of that name.
    abstract SourceCount: source: string -> int64

    /// The augmentations of a role's view, behind the shared ones.
    abstract View: role: string -> IReadOnlyList<IAugmentation>

    /// The augmentations of a chain, bound to the data; they live as long as this.
    abstract Make: chain: IAugmentationChain -> IReadOnlyList<IAugmentation>

    /// The batch behind augmentations, each of which draws from its own stream below the key.
    abstract Apply:
        augmentations: IReadOnlyList<IAugmentation> * step: IStepContext * key: RandomKey * batch: Batch -> Batch

    /// Takes steps that train nothing, as a stage of that name would; tensors of a step are freed at its end. Steps of one
    /// name meet the same batches under the same random streams each time. Raises OperationCanceledException where the tool
    /// is to stop.
    abstract Steps: name: string * count: int64 * step: Action<IStepContext> -> unit

/// What a tool works with.
type IToolContext =

    /// Whether the tool is to stop; Steps looks at it.
    abstract Cancellation: CancellationToken

    /// The time.
    abstract Clock: TimeProvider

    /// Says something before the result, such as how far it is.
    abstract Tell: output: ToolOutput -> unit

    /// Something the person ought to know.
    abstract Warn: message: string -> unit

    /// The report of a complete run. run: its folder, or the report's file. Raises a KdException where there is none.
    abstract Report: run: string -> JsonObject

    /// Augmentations as a role's list in the recipe has them, JSON. Raises RecipeException for what does not fit.
    abstract Augmentations: role: string * list: string -> IAugmentationChain

    /// Composes the recipe's data and sources, with the networks of these roles and of those that their views or the chains
    /// ask. Raises KDP0301 for a role that the recipe does not fill, KDP0306 for one without weights, and what else a run of
    /// the recipe would.
    abstract Compose: roles: IReadOnlyCollection<string> * chains: IReadOnlyCollection<IAugmentationChain> -> IToolRun

/// A command: "kd <id> RECIPE", whose options are the plugin's options.
[<AllowNullLiteral>]
type ITool =
    inherit IPlugin

    /// Replacements of the recipe's values that the options stand for, as --set has them: "models.teacher.weights=..." and
    /// the like.
    abstract Settings: IReadOnlyList<string>

    /// Does the work and gives the result. Raises KDP0380 for options that cannot be understood.
    abstract Run: context: IToolContext -> ToolOutput
