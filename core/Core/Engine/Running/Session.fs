namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Threading
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// How a sitting of a run is to go.
[<Sealed>]
type SessionOptions() =

    /// At most so many steps per stage, 0 for no limit (for trying a recipe).
    member val MaxStepsPerStage = 0L with get, set

    /// Whether a new run of several stages first takes one step of each in a composition that is thrown away, so that what a
    /// later stage would refuse is known before the first one is trained.
    member val Rehearse = false with get, set

    /// Holds the layers of a run's networks against double precision before its first step, on a CPU: one step of each stage is
    /// taken in a composition that is thrown away, unless the run's folder says what computes. Null where nobody is to look.
    member val Layers: LayerJudge = null with get, set

    /// Steps between two readings of the means.
    member val LogEvery = 10L with get, set

    /// How long a step or a plan may take before the observer is warned of it, and the log: 60 s, or what the environment
    /// variable KD_STEP_WATCH says in seconds; zero for never. Of a step, at least ten times the longest one so far.
    member val Patience = StepWatcher.Patience with get, set

    /// By how many bytes native memory may grow without a pause, in a step or from step to step, before the observer is
    /// warned of it: half of what the process may have.
    member val MostGrowth = StepWatcher.MostBytes with get, set

    /// Who is told; null for nobody.
    member val Observer: IRunObserver = null with get, set

    /// The process's exit code for an error, or for a stop (an OperationCanceledException), as status files name it; null
    /// where there is none to name.
    member val ExitCode: Func<exn, int> = null with get, set

    /// The time.
    member val Clock = TimeProvider.System with get, set

/// What a sitting came to.
type SessionEnd =
    /// All phases are done.
    | Done = 0
    /// It was asked to stop and saved a checkpoint.
    | Stopped = 1

/// Carries out a composed run in its folder, from wherever its newest checkpoint stands.
[<Sealed>]
type internal Session
    (
        composition: Composition,
        folder: RunFolder,
        journal: Journal,
        finite: FiniteState,
        watcher: StepWatcher,
        options: SessionOptions
    ) =
    let run = composition.Run
    let recipe = composition.Recipe
    let reports = ScalarMeans()
    let bests = new Bests(run)
    let clock = options.Clock
    let keep = KeepPolicy(int recipe.Checkpoints.Keep)
    let mutable cursor = Cursor()
    let mutable saved: CheckpointInfo = null
    let mutable lastSave = clock.GetTimestamp()
    let mutable stepBegan = clock.GetTimestamp()
    let mutable stageSamples = 0L
    let mutable stageSeconds = 0.0
    let mutable waitedBefore = 0.0
    let mutable stageBegan = clock.GetTimestamp()
    let mutable secondsBefore = 0.0
    let mutable ended: string = null

    let tell (action: IRunObserver -> unit) =
        if not (isNull options.Observer) then
            action options.Observer

    let phase () = composition.Phases[cursor.Phase]
    let stage () = (phase ()).Stages[cursor.Stage]
    let stageName () = (phase ()).StageName(stage ())

    let save (progress: Progress) (stageEnd: bool) =
        use _ = torch.NewDisposeScope()
        cursor.NotePeakMemory()
        let content = Snapshot.take composition cursor bests stageEnd

        match finite.Complaint content with
        | null -> ()
        | found -> Fail.error TrainingErrors.StateNotFinite $"{found}, at {progress}. This state was not saved."

        saved <- Checkpoint.Save(folder, content, composition.Identity, keep)
        lastSave <- clock.GetTimestamp()
        tell _.CheckpointWritten(progress, saved.Path)

    let evaluate (progress: Progress) (role: string) (source: string) (samples: int64) =
        use _ = torch.NewDisposeScope()
        let found = Evaluator.evaluate run progress role source samples
        journal.Evaluated(stageName (), cursor.RunStep, found)
        tell _.Evaluated(progress, found)
        found

    // Under its own name; the network has its own weights again when it is done.
    let evaluateAverage (progress: Progress) (role: string) (source: string) =
        match run.Averages.OfRole role with
        | null -> ()
        | average when average.Stage <> stageName () -> ()
        | average ->
            use _ = torch.NewDisposeScope()

            let found =
                ModuleCopies.during average.Tensors (run.Role role).Network.Module (fun () ->
                    Evaluator.evaluate run progress role source 0L)

            let named = found.Of(Averages.NameOf role)
            journal.Evaluated(stageName (), cursor.RunStep, named)
            tell _.Evaluated(progress, named)
            run.Averages.Offer(role, found.Score, progress.Epoch)

    let average () =
        let section = (phase ()).Section.Ema

        if not section.IsNone then
            for role in Seq.distinct (stage ()).Trains do
                run.Averages.AfterStep(section, stageName (), role, (run.Role role).Network.Module)

    let spent () = secondsBefore + clock.GetElapsedTime(stageBegan).TotalSeconds

    let writeMeans (progress: Progress) =
        run.Optimisers.CheckGradients progress

        if not reports.IsEmpty then
            let values = Dictionary<string, double>(reports.Read())

            for trainable in (stage ()).Trainables do
                values[$"lr.{trainable.Name}"] <- run.Optimisers.Rate(trainable, progress)

            journal.Means(stageName (), cursor.RunStep, values)

            let rate =
                if stageSeconds > 0.0 then
                    float stageSamples / stageSeconds
                else
                    0.0

            tell _.StepDone(progress, values, rate)

            match values.TryGetValue "loss" with
            | true, loss when not (Double.IsFinite loss) ->
                Fail.error TrainingErrors.NotFinite $"The mean loss of the steps up to {progress} is {loss}."
            | _ -> ()

    let countTime (context: StepContext) =
        let now = clock.GetTimestamp()
        let took = clock.GetElapsedTime(stepBegan, now).TotalSeconds
        let samples = context.Samples
        cursor.Seconds <- cursor.Seconds + took
        cursor.Samples <- cursor.Samples + samples
        let waited = run.Feeds.Values |> Seq.sumBy _.Waited.TotalSeconds
        cursor.WaitSeconds <- cursor.WaitSeconds + waited - waitedBefore
        waitedBefore <- waited
        stageSeconds <- stageSeconds + took
        stageSamples <- stageSamples + samples

    let score (current: Stage) (context: StepContext) (progress: Progress) =
        use _ = torch.no_grad ()
        use _ = Autocast.Disabled()
        use _ = run.Evaluating()
        PluginCall.at run.Strategy (PluginCall.during progress) (fun () -> current.Score.Invoke context)

    // Why the stage is to end with this epoch; null for nothing.
    let evaluateEpoch (context: StepContext) (progress: Progress) (last: bool) : string =
        let current = stage ()
        let every = recipe.Evaluation.EveryEpochs

        if last || (every > 0L && progress.Epoch % every = 0L) then
            let found =
                if run.Feeds.ContainsKey current.Validation then
                    [|
                        for role in Seq.distinct current.Evaluates -> evaluate progress role current.Validation 0L
                    |]
                else
                    [||]

            let offer role score = bests.Offer(current, stageName (), role, score, progress.Epoch)

            let own =
                if not (isNull current.Score) then
                    [| KeyValuePair("", score current context progress) |]
                elif found.Length = 1 then
                    [| KeyValuePair("", found[0].Score) |]
                else
                    found |> Array.map (fun e -> KeyValuePair(e.Role, e.Score))

            for entry in own do
                offer (if entry.Key = "" then null else entry.Key) entry.Value

            for evaluation in found do
                evaluateAverage progress evaluation.Role evaluation.Source

            (phase ()).Plateau.Offer(own, progress.Epoch)
            Stopping.early cursor (phase ()).Section.EarlyStopping (stageName ()) found own progress
        else
            null

    let saveIsDue (progress: Progress) =
        let rules = recipe.Checkpoints

        (rules.EverySteps > 0L && progress.Step % rules.EverySteps = 0L)
        || (rules.EverySeconds > 0L
            && clock.GetElapsedTime(lastSave).TotalSeconds >= float rules.EverySeconds)

    // Where training diverged, what the step was working on is kept.
    let withBatch (context: StepContext) (error: exn) : exn =
        match error with
        | :? KdException as failure when Seq.contains failure.Code TrainingErrors.Diverged ->
            match FailureDump.write folder context.Drawn with
            | "" -> error
            | saved -> KdException(failure.Code, failure.Detail + saved, null, failure)
        | _ -> error

    let hooks (cancellation: CancellationToken) =
        { new ILoopHooks with
            member _.Cancellation = cancellation

            member _.AfterStep(context, progress, epochDone) =
                countTime context
                cursor.Step <- progress.Step
                cursor.RunStep <- cursor.RunStep + 1L
                average ()
                let isOver = progress.Step = progress.TotalSteps || not (isNull context.Ended)

                let late =
                    if isOver then
                        null
                    else
                        Stopping.outOfTime (phase ()).Section (stageName ()) (spent ()) progress

                let last = isOver || not (isNull late)
                let epochDone = epochDone || last
                let due = not last && saveIsDue progress

                if epochDone || due || progress.Step % options.LogEvery = 0L then
                    try
                        writeMeans progress
                    with :? KdException as failure ->
                        PluginCall.rethrow (withBatch context failure)
                else
                    tell
                        _.StepDone(
                            progress,
                            null,
                            (if stageSeconds > 0.0 then
                                 float stageSamples / stageSeconds
                             else
                                 0.0)
                        )

                let tired =
                    if epochDone then
                        evaluateEpoch context progress last
                    else
                        null

                ended <-
                    if isOver then null
                    elif isNull late then tired
                    else late

                // Where the stage ends here, its end is saved: a run that goes on from here would not know.
                if due && isNull ended then
                    cursor.StageSeconds <- spent ()
                    save progress false

                stepBegan <- clock.GetTimestamp()
                ended

            member _.OnFailure(context, _, error) = withBatch context error

            member _.Warn message = journal.Warn message
            member _.Watcher = watcher

            member _.Evaluate(progress, role, source, samples) = Evaluator.evaluate run progress role source samples
        }

    let enterPhase () =
        composition.Enter(phase ())
        KeptVocabulary.write composition folder

        // Networks that augmentations consult are trained by now.
        if cursor.Phase = composition.Phases.Count - 1 then
            SampleViews.write composition folder.Path journal.Warn

    let finishStage () =
        let current = stage ()
        let name = stageName ()

        if current.KeepBest then
            for best in bests.All.Values do
                if best.Stage = name then
                    for m in best.Modules do
                        ModuleCopies.put m.Value run.Modules[m.Key]

        journal.StageDone(name, cursor.RunStep, (if isNull ended then "" else ended))

        if not (isNull ended) then
            cursor.Ended[name] <- ended
            tell _.Warned(ended)

        ended <- null
        cursor.Stopping <- Unchecked.defaultof<_>
        (phase ()).Plateau.Clear()
        cursor.StageSeconds <- 0.0
        cursor.Stage <- cursor.Stage + 1
        cursor.Step <- 0L
        run.Cursors.Clear()

        if cursor.Stage = (phase ()).Stages.Count then
            cursor.Phase <- cursor.Phase + 1
            cursor.Stage <- 0

    let runStage (cancellation: CancellationToken) =
        let current = stage ()
        let name = stageName ()
        let key = run.Key.Derive("stage").Derive(name)
        let pace = StagePace(run, current)
        let cap = options.MaxStepsPerStage
        let total = if cap > 0L then min cap pace.Steps else pace.Steps
        let progress () = Progress(name, cursor.Step, total, pace.StepsPerEpoch)
        stageSamples <- 0L
        stageSeconds <- 0.0
        secondsBefore <- cursor.StageSeconds
        stageBegan <- clock.GetTimestamp()
        stepBegan <- stageBegan
        tell _.StageStarted(progress ())

        match TrainingLoop.runStage run current name key cursor.Step cap reports (hooks cancellation) with
        | StageEnd.Stopped _ ->
            writeMeans (progress ())
            cursor.StageSeconds <- spent ()
            save (progress ()) false
            false
        | StageEnd.Done ->
            let progress = progress ()
            finishStage ()
            save progress true
            true

    /// Goes on from a checkpoint; null to begin.
    member _.Restore(from: LoadedCheckpoint) =
        if not (isNull from) then
            cursor <- Snapshot.put composition from bests
            saved <- from.Info

    /// Runs until all phases are done or the token is cancelled.
    member _.Run(cancellation: CancellationToken) : SessionEnd =
        // From here on the run can be resumed bit for bit.
        if cursor.RunStep = 0L && cursor.Phase = 0 && cursor.Stage = 0 then
            save (Progress("", 0L, 0L, 1L)) false

        let mutable go = true

        while go && cursor.Phase < composition.Phases.Count do
            enterPhase ()

            if (phase ()).Stages.Count = 0 then
                cursor.Phase <- cursor.Phase + 1
            else
                go <- runStage cancellation

        if go then SessionEnd.Done else SessionEnd.Stopped

    /// The best states.
    member _.Bests = bests

    /// The newest checkpoint that the run can go on from; null for none.
    member _.Saved = saved

    /// Where the run stands.
    member _.Cursor = cursor

    interface IDisposable with
        member _.Dispose() = (bests :> IDisposable).Dispose()
