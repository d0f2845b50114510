namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Threading
open TorchSharp
open KdPlugins.Torch

/// What the loop calls at its named points; the session does the work.
type internal ILoopHooks =

    /// Whether the loop is to stop before the next step.
    abstract Cancellation: CancellationToken

    /// A step is done; epochDone: it was the last of an epoch. Why the stage ends with it; null where it goes on, or ends
    /// anyway.
    abstract AfterStep: context: StepContext * progress: Progress * epochDone: bool -> string

    /// A step failed: the batches it had drawn can be saved. What is to be raised, with where they are.
    abstract OnFailure: context: StepContext * progress: Progress * error: exn -> exn

    /// Something the person ought to know.
    abstract Warn: message: string -> unit

    /// Looks at how long steps take; null for nobody.
    abstract Watcher: StepWatcher

    /// Evaluates a role on a source in the middle of a step.
    abstract Evaluate: progress: Progress * role: string * source: string * samples: int64 -> Evaluation

/// How a stage came to an end.
type internal StageEnd =
    /// All its steps are done, or its step function ended it.
    | Done
    /// The run is to stop; the stage goes on from the given step another time.
    | Stopped of step: int64

/// The loop.
module internal TrainingLoop =

    /// Runs a stage from a step on. cap: at most so many steps, 0 for no limit.
    let runStage
        run
        (stage: Stage)
        (name: string)
        (key: RandomKey)
        (from: int64)
        (cap: int64)
        reports
        (hooks: ILoopHooks)
        =
        let pace = StagePace(run, stage)
        let perEpoch = pace.StepsPerEpoch
        let total = if cap > 0L then min cap pace.Steps else pace.Steps
        let mutable step = from
        let mutable ended = false

        let who =
            if isNull run.Strategy then
                ""
            else
                PluginNames.find run.Strategy

        let watcher = hooks.Watcher
        run.Enter stage

        let failed (context: StepContext) (progress: Progress) (error: exn) =
            let told =
                match error with
                | :? OperationCanceledException when hooks.Cancellation.IsCancellationRequested -> error
                | _ -> PluginCall.told (if who = "" then "the step" else who) $"at {progress}" error

            PluginCall.rethrow (hooks.OnFailure(context, progress, told))

        let guard =
            StageGuard(run, stage, name, who, (from = 0L && total = pace.Steps), Action<string> hooks.Warn)

        if not (isNull watcher) then
            watcher.Restart()

        while step < total && not ended && not hooks.Cancellation.IsCancellationRequested do
            use memory = StepScope.Begin()
            let progress = Progress(name, step, total, perEpoch)
            let stepKey = key.Derive(step)
            let evaluate role source samples = hooks.Evaluate(progress, role, source, samples)
            let visit source samples action = Evaluator.visit run progress source samples action

            let context =
                StepContext(
                    run,
                    stage,
                    guard,
                    progress,
                    stepKey,
                    reports,
                    memory.Scope,
                    pace.Batches step,
                    evaluate,
                    visit,
                    hooks.Cancellation
                )

            // Dropout and the like draw from the default generators: they start anew in every step, so that a resumed
            // run draws what the uninterrupted one would have drawn.
            use _ = RandomScope.Use(stepKey.Derive("torch").Value)

            if not (isNull watcher) then
                watcher.Begin(
                    Func<string>(fun () -> PluginCall.upper ($"{who}, {progress}".TrimStart(',', ' '))),
                    memory
                )

            let isFirst, isLast = step = 0L, step + 1L = total

            try
                guard.Run(
                    progress,
                    fun () ->
                        if isFirst && not (isNull stage.Begin) then
                            stage.Begin.Invoke context

                        context.Take()

                        if (isLast || not (isNull context.Ended)) && not (isNull stage.End) then
                            stage.End.Invoke context
                )

                guard.AfterStep progress
            with error ->
                failed context progress error

            ended <- not (isNull context.Ended)

            if not (isNull watcher) then
                watcher.End()

            step <- step + 1L
            let after = Progress(name, step, total, perEpoch)

            let over =
                hooks.AfterStep(context, after, step % perEpoch = 0L || step = total || ended)

            if not (isNull over) then
                ended <- true

                if not (isNull stage.End) then
                    try
                        guard.Run(progress, (fun () -> stage.End.Invoke context))
                    with error ->
                        failed context progress error

            context.Close()

        if ended || step >= total then
            guard.AtEnd(Progress(name, step, total, perEpoch))

        run.Leave()
        if ended || step >= total then Done else Stopped step
