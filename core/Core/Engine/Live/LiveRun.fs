namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Torch

/// What an interested party is told of a run while it goes on. Nothing it does can change the run.
[<AllowNullLiteral>]
type IRunObserver =

    /// The run of a seed begins, or goes on after a resume. path: its folder.
    abstract RunStarted: seed: int64 * path: string -> unit

    /// A stage begins, or goes on after a resume at the given progress.
    abstract StageStarted: progress: Progress -> unit

    /// A step is done. values: the latest means by name, null between two readings. imagesPerSecond: of this stage.
    abstract StepDone: progress: Progress * values: IReadOnlyDictionary<string, double> * imagesPerSecond: float -> unit

    /// A network was evaluated.
    abstract Evaluated: progress: Progress * evaluation: Evaluation -> unit

    /// A checkpoint was written.
    abstract CheckpointWritten: progress: Progress * path: string -> unit

    /// Something the person ought to know. Called from any thread, also while a step is at work.
    abstract Warned: message: string -> unit

/// Everything that a run consists of while it is in memory.
[<Sealed>]
type internal LiveRun(device: torch.Device, training: TrainingPlan, key: RandomKey, clock: TimeProvider) =
    let roles = Dictionary<string, RoleState>()
    let feeds = Dictionary<string, Feed>()
    let told = HashSet<string>()
    let modules = SortedDictionary<string, torch.nn.Module>(StringComparer.Ordinal)
    let trained = Dictionary<nativeint, Parameter>()
    let modes = Modes(modules, roles, trained)

    /// Where tensors live.
    member _.Device = device

    /// The recipe's training section.
    member val Training = training with get, set

    /// The root of all random streams.
    member _.Key = key

    /// The time.
    member _.Clock = clock

    /// The roles by name.
    member _.Roles = roles

    /// What was loaded into the networks, in the order of the roles.
    member val Loaded = List<LoadedWeights>() with get

    /// The feeds by source.
    member _.Feeds = feeds

    /// What the data set of a source holds; nothing for sources that a strategy added.
    member val Infos = Dictionary<string, DataInfo>() with get

    /// How many batches each source has given in the present stage.
    member val Cursors = Dictionary<string, int64>() with get

    /// Every module that belongs to the run, by the name it is saved under.
    member _.Modules = modules

    /// The shared augmentations.
    member val Shared: IReadOnlyList<IAugmentation> = [||] with get, set

    /// The present phase's losses.
    member val Losses: IReadOnlyList<WeightedLoss> = [||] with get, set

    /// Those of them that a role learns by from another (null for nobody). Raises KDP0306 where the plan has none for them.
    member val LossesOf = Func<string, string, IReadOnlyList<WeightedLoss>>(fun _ _ -> [||]) with get, set

    /// The optimisers of the present phase.
    member val Optimisers = new Optimisers(training) with get, set

    /// The present phase's strategy; null where there is none.
    member val Strategy: IDistillationStrategy = null with get, set

    /// All parameters that some stage of the run trains, by their handles.
    member _.Trained = trained

    /// The averages of weights that the recipe asks for.
    member val Averages = new Averages() with get

    /// The parameters that the recipe freezes, by their handles.
    member val Frozen = HashSet<nativeint>() with get

    /// The batches of an update: an objective is computed once for each.
    member val Accumulate = 1 with get, set

    /// The stored answers of frozen roles; null where the recipe has none.
    member val Replay: TeacherCache = null with get, set

    /// Whether an evaluation is at work.
    member _.IsEvaluating = modes.IsEvaluating

    /// What measures in evaluations.
    member val Meters: Meters = Unchecked.defaultof<_> with get, set

    /// What the samples of a source are; of one that a strategy added, what the main data set holds.
    member this.InfoOf(source: string) =
        match this.Infos.TryGetValue source with
        | true, info -> info
        | _ -> this.Infos[SourceSection.Train]

    /// Samples per evaluation batch; 0 for as many as the images' size allows.
    member val EvaluationBatch = 0L with get, set

    /// Samples per evaluation batch of a source behind the shared and some further augmentations: what the recipe says, or
    /// else 256, fewer where images have more pixels than 64 x 64.
    member this.EvaluationBatchOf(source: string, augmentations: IReadOnlyList<IAugmentation>) =
        let pixels (shape: IReadOnlyList<int64>) = if shape.Count = 3 then shape[1] * shape[2] else 1L

        if this.EvaluationBatch > 0L then
            this.EvaluationBatch
        else
            match this.Infos.TryGetValue source with
            | true, info ->
                let shapes =
                    Seq.append this.Shared augmentations
                    |> Seq.scan (fun shape a -> a.OutputShape shape) info.InputShape

                256L * 64L * 64L / (shapes |> Seq.map pixels |> Seq.fold max 1L)
                |> min 256L
                |> max 1L
            | _ -> 256L

    /// Who is told of what is doubtful.
    member val Warn = Action<string>(ignore) with get, set

    /// Tells it the first time.
    member this.WarnOnce(message: string) =
        if told.Add message then
            this.Warn.Invoke message

    /// A role. Raises KDP0301 where there is none.
    member _.Role(name: string) =
        match roles.TryGetValue name with
        | true, role -> role
        | _ ->
            let known = String.concat ", " roles.Keys
            Fail.error CoreErrors.RoleMissing $"The role '{name}' is asked for; the recipe has: {known}."

    /// A feed. Raises KDP0305 where there is none.
    member _.Feed(name: string) =
        match feeds.TryGetValue name with
        | true, feed -> feed
        | _ ->
            let known = String.concat ", " feeds.Keys
            Fail.error CoreErrors.SourceMissing $"The data source '{name}' is asked for; the run has: {known}."

    /// A strategy's own network is about to be asked: it gets the name of its state. Raises KDP0306 where it is none of the run's.
    member _.NameOwn(network: INetwork) =
        match
            modules
            |> Seq.tryFind (fun entry -> obj.ReferenceEquals(entry.Value, network.Module))
        with
        | Some entry when entry.Key.StartsWith("role/", StringComparison.Ordinal) -> ()
        | Some entry -> PluginNames.rename network $"the network '{entry.Key}'"
        | None ->
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    "A step asks a network that is no part of the run: neither its mode nor its weights are kept.",
                    "Register its module: context.State.Register."
                )
            )

    member private this.IsHalf = this.Training.Precision = torch.ScalarType.BFloat16

    /// Autocast where the recipe asks for it and nothing is evaluated, else nothing: null.
    member this.PrecisionScope() : IDisposable =
        if this.IsHalf && not modes.IsEvaluating then
            Autocast.BFloat16 device
        else
            null

    /// For what sums many products, as losses do: bfloat16 would lose what they differ by. Null where nothing is in the way.
    member this.ExactScope() : IDisposable = if this.IsHalf then Autocast.Disabled() else null

    /// Puts every module into the mode that a stage wants.
    member this.Enter(stage: Stage) =
        let changing =
            stage.Trainables
            |> Seq.collect (fun t -> t.Parameters |> Seq.map (fun struct (_, p) -> p.Handle))
            |> HashSet

        for role in roles.Values do
            let trained = Seq.contains role.Name stage.Trains
            role.IsTrained <- trained

            // A copy with folded weights serves only while nobody changes the weights.
            role.MayFreeze <-
                role.IsFromRecipe
                && not trained
                && not (
                    role.Network.Module.parameters ()
                    |> Seq.exists (fun p -> changing.Contains p.Handle)
                )

        modes.Enter stage

        if not (isNull this.Replay) then
            let asked =
                if isNull this.Strategy then
                    [||]
                else
                    Seq.toArray this.Strategy.Needs

            roles.Values
            |> Seq.filter (fun role ->
                role.MayFreeze
                && Seq.contains role.Name this.Replay.Section.Roles
                && Array.contains role.Name asked)
            |> Seq.map _.Name
            |> this.Replay.Enter

    /// Modes and gradients of an update, until it is disposed.
    member _.Updating(trainables: IReadOnlyList<Trainable>) = modes.Updating trainables

    /// Everything in evaluation mode and float32, until it is disposed.
    member _.Evaluating() = modes.Evaluating()

    /// Computes as evaluations do, in the middle of a step too: without graph, every network in evaluation mode, in float32.
    member this.Quietly(compute: unit -> 'a) : 'a =
        use _ = torch.no_grad ()
        use _ = this.ExactScope()
        use _ = this.Evaluating()
        compute ()

    /// Lets go of the copies that Enter allowed, and of the stage's modes.
    member this.Leave() =
        if not (isNull this.Replay) then
            this.Replay.Leave()

        for role in roles.Values do
            role.DropFrozen()

        modes.Leave()
