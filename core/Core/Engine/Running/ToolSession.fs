namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes
open System.Threading

/// Who is told what while a tool is at work.
type internal ToolHooks(cancellation: CancellationToken, warned: Action<string>, run: LiveRun) =
    interface ILoopHooks with
        member _.Cancellation = cancellation
        member _.AfterStep(_, _, _) = null
        member _.OnFailure(_, _, error) = error
        member _.Watcher = null
        member _.Warn message = warned.Invoke message
        member _.Evaluate(progress, role, source, samples) = Evaluator.evaluate run progress role source samples

[<Sealed>]
type internal AugmentationChain(choices: IReadOnlyList<PluginChoice>, consults: IReadOnlyCollection<string>) =
    member _.Choices = choices

    interface IAugmentationChain with
        member _.Consults = consults

[<Sealed>]
type internal ToolRun
    (composer: Composer, composition: Composition, cancellation: CancellationToken, warned: Action<string>) =
    let run = composition.Run
    let hooks = ToolHooks(cancellation, warned, run)

    interface IToolRun with
        member _.Data = composition.Data.Info
        member _.Device = run.Device
        member _.Training = run.Training
        member _.Random = run.Key
        member _.Network role = (run.Role role).Network
        member _.SourceCount source = (run.Feed source).Source.Count
        member _.View role = (run.Role role).Augmentations

        member _.Make chain =
            (chain :?> AugmentationChain).Choices
            |> Seq.map composer.Augmentation
            |> Seq.toArray
            :> _

        member _.Apply(augmentations, step, key, batch) = Pipeline.apply augmentations (DerivedContext(step, key)) batch

        member _.Steps(name, count, step) =
            let stage = Stage(name, StageLength.Steps count, step)
            let key = run.Key.Derive("stage").Derive(name)

            TrainingLoop.runStage run stage stage.Name key 0L 0L (ScalarMeans()) hooks
            |> ignore

            run.Cursors.Clear()
            cancellation.ThrowIfCancellationRequested()

        member _.Dispose() = (composition :> IDisposable).Dispose()

/// What a tool is run with.
/// read: reads the recipe with these replacements of values, and those that the person asked for.
[<Sealed>]
type ToolSession(catalog: IPluginCatalog, read: Func<IReadOnlyList<string>, Recipe>) =

    let consults (choices: PluginChoice seq) : IReadOnlyCollection<string> =
        choices
        |> Seq.collect (fun choice ->
            use made = RecipePlugins.Create(catalog, PluginKind.Augmentation, choice)
            (made.Plugin :?> IAugmentation).Consults |> Seq.toArray)
        |> Seq.distinct
        |> Seq.toArray
        :> _

    // The recipe as far as a tool needs it.
    let reduced (who: string) (recipe: Recipe) (roles: IReadOnlySet<string>) : Recipe =
        for role in roles do
            match recipe.Model role with
            | missing when isNull (box missing) ->
                let known = String.Join(", ", recipe.Models |> Seq.map _.Role)
                Fail.error CoreErrors.RoleMissing $"'{who}' asks the role '{role}'; the recipe has: {known}."
            | model when not model.HasWeights ->
                raise (
                    KdPlugins.Torch.KdException(
                        CoreErrors.WrongCombination,
                        $"'{who}' asks the network of '{role}', and the recipe gives it no weights: what an untrained network answers says nothing.",
                        $"Name a weight file: --set models.{role}.weights=FILE."
                    )
                )
            | _ -> ()

        { recipe with
            Models = recipe.Models |> Seq.filter (fun m -> roles.Contains m.Role) |> Seq.toArray
            Augmentations =
                recipe.Augmentations
                |> Seq.filter (fun a -> a.Role = Recipe.Shared || roles.Contains a.Role)
                |> Seq.toArray
            Generators = [||]
            Losses = [||]
            Prepare = [||]
            Baseline = false
        }

    /// Told of what it says before its result.
    member val Told = Action<ToolOutput>(ignore) with get, set

    /// Told of what is doubtful, such as weights whose record says that they were made for other inputs.
    member val Warned = Action<string>(ignore) with get, set

    /// Reads the report of a complete run.
    member val Report =
        Func<string, JsonObject>(fun run ->
            Fail.error CoreErrors.ToolInput $"There is no report of '{run}': this session reads none.") with get, set

    /// Looked at between steps.
    member val Cancellation = CancellationToken.None with get, set

    /// The time.
    member val Clock = TimeProvider.System with get, set

    /// What a tool of an id works with, where its options stand for these replacements. Raises RecipeException for a recipe that
    /// cannot be used.
    member this.Context(id: string, settings: IReadOnlyList<string>) : IToolContext =
        let recipe = read.Invoke settings

        { new IToolContext with
            member _.Cancellation = this.Cancellation
            member _.Clock = this.Clock
            member _.Tell output = this.Told.Invoke output
            member _.Warn message = this.Warned.Invoke message
            member _.Report run = this.Report.Invoke run

            member _.Augmentations(role, list) =
                let changed = read.Invoke [| yield! settings; $"augmentations.{role}={list}" |]
                let choices = changed.AugmentationsOf role |> Seq.toArray
                AugmentationChain(choices, consults choices)

            member _.Compose(asked, chains) =
                let roles = chains |> Seq.collect _.Consults |> HashSet

                for role in Seq.append [ Recipe.Shared ] asked do
                    roles.UnionWith(consults (recipe.AugmentationsOf role))

                roles.UnionWith asked
                let composer = Composer(reduced id recipe roles, catalog, this.Clock, null)
                let composition = composer.ComposeNetworks()

                try
                    NetworkRecord.warn composition this.Warned.Invoke
                    new ToolRun(composer, composition, this.Cancellation, this.Warned)
                with _ ->
                    (composition :> IDisposable).Dispose()
                    reraise ()
        }

    /// Runs a tool. options: JSON. Raises what the recipe, the options and the tool raise; what is no KdException becomes KDP0740
    /// with the tool's name.
    member this.Run(id: string, options: string) : ToolOutput =
        use made =
            RecipePlugins.Create(catalog, PluginKind.Tool, { Id = id; Options = options })

        let name = PluginNames.ofKind PluginKind.Tool id
        PluginNames.give made.Plugin name
        let tool = made.Plugin :?> ITool

        try
            let context = this.Context(id, tool.Settings)
            tool.Run context |> PluginCall.something tool (fun () -> "") "Run"
        with
        | :? KdPlugins.Torch.KdException
        | :? OperationCanceledException -> reraise ()
        | error -> raise (PluginCall.told name "" error)
