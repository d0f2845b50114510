namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Threading
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Torch

/// Where the continuations of a step's awaits come: they run as they would without it, and it sees them.
/// late: told of work that comes when the step has returned. failed: told of what such work raises, which would end the
/// process.
[<Sealed>]
type internal StepContinuations(late: Action, failed: Action<exn>) =
    inherit SynchronizationContext()
    let mutable pending = 0
    let mutable isOver = false

    /// How many async void methods have begun and are not done.
    member _.Pending = Volatile.Read(&pending)

    /// The step has returned.
    member _.Close() = Volatile.Write(&isOver, true)

    override _.OperationStarted() = Interlocked.Increment(&pending) |> ignore
    override _.OperationCompleted() = Interlocked.Decrement(&pending) |> ignore
    override this.CreateCopy() = this

    override this.Post(work, state) =
        if Volatile.Read(&isOver) then
            late.Invoke()

        ThreadPool.QueueUserWorkItem(fun _ ->
            let outer = SynchronizationContext.Current
            SynchronizationContext.SetSynchronizationContext this

            try
                try
                    work.Invoke state
                with error ->
                    failed.Invoke error
            finally
                SynchronizationContext.SetSynchronizationContext outer)
        |> ignore

/// Sees to it that what a stage's steps do is what the engine can keep and resume: done when the step returns, by the
/// trainables that the stage lists. Most of it is looked at in the first steps of a sitting alone.
/// name: the stage's within the run. who: whose stage it is, in words. whole: whether the sitting has all of its steps.
[<Sealed>]
type internal StageGuard(run: LiveRun, stage: Stage, name: string, who: string, whole: bool, warn: Action<string>) =
    let firstSteps = 3L
    let updatesToReach = 20
    let listed = HashSet<string>(stage.Trainables |> Seq.map _.Name)
    let mutable steps, updates, updatesOfStep = 0L, 0L, 0L
    let mutable fault: exn = null
    let mutable warned = false

    let owner =
        if who = "" then
            $"Stage '{name}'"
        else
            $"{PluginCall.upper who}, stage '{name}'"

    let names (all: string seq) =
        let all = Seq.toArray all
        let shown = String.Join(", ", all |> Seq.truncate 4 |> Seq.map (fun n -> $"'{n}'"))

        if all.Length > 4 then
            $"{shown} and {all.Length - 4} more"
        else
            shown

    let hasGradient (p: Parameter) = not (isNull p.grad)

    let everyParameter () =
        seq {
            for entry in run.Modules do
                for struct (n, p) in entry.Value.named_parameters () do
                    struct (entry.Key, n, p)
        }

    // What another stage left over is in no checkpoint: a resumed stage begins without.
    let dropGradients () =
        use _ = torch.NewDisposeScope()

        let inStage =
            stage.Trainables
            |> Seq.collect (fun t -> t.Parameters |> Seq.map (fun struct (_, p) -> p))

        for p in Seq.append (everyParameter () |> Seq.map (fun struct (_, _, p) -> p)) inStage do
            if hasGradient p then
                p.grad <- null

    let note (error: exn) = Interlocked.CompareExchange(&fault, error, null) |> ignore

    let refuse (code: ErrorCode) (detail: string) : 'a = Fail.error code detail

    let asyncError (progress: Progress) (what: string) =
        KdException(PluginErrors.Asynchronous, $"{owner}: {what} at {progress}.")

    // A module of the run that nobody trains, and that the losses reach.
    let lookAtModules (progress: Progress) =
        let unstepped =
            everyParameter ()
            |> Seq.filter (fun struct (_, _, p) ->
                p.requires_grad && not (run.Trained.ContainsKey p.Handle) && hasGradient p)
            |> Seq.groupBy (fun struct (place, _, _) -> place)
            |> Seq.toArray

        for place, parameters in unstepped do
            // Of a network that is trained in part, the rest is left as it is.
            let isWhole =
                run.Modules[place].parameters()
                |> Seq.forall (fun p -> not (run.Trained.ContainsKey p.Handle))

            if isWhole then
                let found = names (parameters |> Seq.map (fun struct (_, n, _) -> n))

                raise (
                    KdException(
                        PluginErrors.NotListed,
                        $"{owner}: at {progress} the loss reaches '{place}' ({found}), which is in the Trainables of no stage: it would stay as it is, or be changed by something that no checkpoint knows.",
                        "Name it in the Trainables of the stage and hand it to step.Update (context.TrainableOf includes the heads of losses); set requires_grad to false on what is to stay as it is."
                    )
                )

    // Nothing was stepped so far: these gradients come from the step itself.
    let lookAtGradients (progress: Progress) =
        let made =
            stage.Trainables
            |> Seq.filter (fun t -> t.Parameters |> Seq.exists (fun struct (_, p) -> hasGradient p))
            |> Seq.map _.Name
            |> Seq.toArray

        if made.Length > 0 then
            refuse
                PluginErrors.NotStepped
                $"{owner}: the step at {progress} has made gradients of {names made} and called neither Update nor Apply."

    let unreached (progress: Progress) =
        if not warned then
            // A method may learn from features alone: a network's classifier is the model's business.
            let ofNetworks =
                run.Roles.Values
                |> Seq.filter _.IsFromRecipe
                |> Seq.collect (fun role -> role.Network.Module.parameters () |> Seq.map _.Handle)
                |> HashSet

            let found =
                [|
                    for entry in run.Optimisers.Unreached do
                        for trainable in stage.Trainables |> Seq.filter (fun t -> t.Name = entry.Key) do
                            let own =
                                [|
                                    for struct (n, p) in trainable.Parameters do
                                        if entry.Value.Contains n && not (ofNetworks.Contains p.Handle) then
                                            n
                                |]

                            if own.Length > 0 then
                                struct (trainable.Name, own)
                |]

            if found.Length > 0 then
                warned <- true
                let all = found |> Seq.map (fun struct (of', own) -> $"{names own} of '{of'}'")
                let text = String.Join("; ", all)

                warn.Invoke
                    $"{owner}: no gradient has reached {text} in the first {progress.Step + 1L} steps. If that is not meant, use them in the loss; else leave them out of the stage's Trainables."

    do
        dropGradients ()
        run.Optimisers.ForgetReached()

        if
            not (isNull stage.Step.Method)
            && stage.Step.Method.IsDefined(typeof<AsyncStateMachineAttribute>, false)
        then
            refuse PluginErrors.Asynchronous $"{owner}: its step is an async method: it returns before it is done."

    /// Whose stage it is, in words; empty for nobody's.
    member _.Who = who

    /// Raises what was noted beside the thread that trains.
    member _.Check() =
        let error = Volatile.Read(&fault)

        if not (isNull error) then
            raise error

    /// A context was used where it must not be.
    member _.Misuse(progress: Progress, what: string, why: string) : exn =
        let error =
            KdException(PluginErrors.Misused, $"{owner}: {what} of the context of {progress} was called {why}.")

        note error
        error

    /// A trainable is about to be stepped.
    member _.Stepping(trainable: Trainable, progress: Progress) =
        updatesOfStep <- updatesOfStep + 1L

        if not (listed.Contains trainable.Name) then
            let known = if listed.Count = 0 then "nothing" else names listed

            refuse
                PluginErrors.NotListed
                $"{owner}: the step at {progress} updates '{trainable.Name}', and the stage lists {known} in its Trainables."

    /// Runs what a step is made of.
    member _.Run(progress: Progress, action: unit -> unit) =
        updatesOfStep <- 0L

        let late () = note (asyncError progress "the step goes on after it has returned (an await)")

        let failed (error: exn) =
            note (PluginCall.told (if who = "" then "a step" else who) $"after an await at {progress}" error)

        let continuations = StepContinuations(Action late, Action<exn> failed)
        let outer = SynchronizationContext.Current
        SynchronizationContext.SetSynchronizationContext continuations

        try
            action ()
        finally
            continuations.Close()
            SynchronizationContext.SetSynchronizationContext outer

        if continuations.Pending > 0 then
            raise (asyncError progress "the step has returned before it was done (async void)")

    /// A step is done.
    member this.AfterStep(progress: Progress) =
        this.Check()
        steps <- steps + 1L
        updates <- updates + updatesOfStep

        if steps <= firstSteps then
            lookAtModules progress

        if updatesOfStep = 0L && updates = 0L && stage.Trainables.Count > 0 then
            lookAtGradients progress

        if updates > 0L && steps = int64 updatesToReach then
            unreached progress

    /// The stage is done.
    member this.AtEnd(progress: Progress) =
        this.Check()

        if steps > 0L && steps < int64 updatesToReach then
            unreached progress

        if whole && steps > 0L && updates = 0L && stage.Trainables.Count > 0 then
            refuse
                PluginErrors.NothingTrained
                $"{owner}: its {steps} steps have updated none of {names listed}: neither Update nor Apply was called."
