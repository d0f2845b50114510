namespace KdPlugins.Core

open System
open System.Collections.Generic

/// A phase of a run: a strategy with its losses and stages.
[<Sealed>]
type internal Phase
    (name: string, strategy: IDistillationStrategy, training: TrainingPlan, accumulate: int, losses: PhaseLosses) =

    /// Unique within the run; empty for the main phase.
    member _.Name = name

    /// The plan's author.
    member _.Strategy = strategy

    /// How it trains.
    member _.Training = training

    /// The batches of an update.
    member _.Accumulate = accumulate

    /// Its objective.
    member _.Losses = losses

    /// Its stages, in order.
    member val Stages: IReadOnlyList<Stage> = [||] with get, set

    /// What the recipe says of its training.
    member val Section = TrainingSection.Default with get, set

    /// The factor on its learning rate that its scores lower.
    member val Plateau = Plateau ScheduleSection.Default with get, set

    /// Its optimisers.
    member val Optimisers = new Optimisers(training)

    /// A stage's name within the run.
    member _.StageName(stage: Stage) = if name = "" then stage.Name else $"{name}/{stage.Name}"

/// A run in memory, composed from a recipe and ready for its first step.
[<Sealed>]
type internal Composition
    (
        recipe: Recipe,
        seed: int64,
        run: LiveRun,
        data: IDataset,
        phases: IReadOnlyList<Phase>,
        registry: StateRegistry,
        exports: IReadOnlyList<Export>,
        identity: RunIdentity,
        plugins: IReadOnlyList<UsedPlugin>,
        owned: IDisposable
    ) =

    /// What it was made from.
    member _.Recipe = recipe

    /// The seed of this run among the recipe's.
    member _.Seed = seed

    /// Roles, feeds and the rest.
    member _.Run = run

    /// The main data set.
    member _.Data = data

    /// In order; the main one is last.
    member _.Phases = phases

    /// All state but the optimisers'.
    member _.Registry = registry

    /// What strategies write at the end.
    member _.Exports = exports

    /// What a checkpoint belongs to.
    member _.Identity = identity

    /// The plugins it uses, by kind and id.
    member _.Plugins = plugins

    /// Makes the run one of a phase: its training section, objective and optimisers.
    member _.Enter(phase: Phase) =
        run.Training <- phase.Training
        run.Accumulate <- phase.Accumulate
        run.Losses <- phase.Losses.All
        run.LossesOf <- Func<_, _, _>(fun student teacher -> phase.Losses.Of(student, teacher))
        run.Optimisers <- phase.Optimisers
        run.Strategy <- phase.Strategy

        for feed in run.Feeds.Values do
            feed.BatchSize <- phase.Training.BatchSize
            feed.IsBalanced <- phase.Section.Sampling = "balanced" && not feed.Changes

    /// The role whose network is the result.
    member _.Result = phases[phases.Count - 1].Strategy.Result

    interface IDisposable with
        member _.Dispose() =
            if not (isNull run.Replay) then
                (run.Replay :> IDisposable).Dispose()

            for feed in run.Feeds.Values do
                feed.Reset()

            for phase in phases do
                (phase.Optimisers :> IDisposable).Dispose()

            // Roles' networks, losses', generators' and registered modules; one may be there under two names.
            for owner in HashSet(run.Modules.Values, HashIdentity.Reference) do
                owner.Dispose()

            (run.Averages :> IDisposable).Dispose()
            registry.Dispose()
            owned.Dispose()
