namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Threading
open TorchSharp
open KdPlugins.Torch

/// One step, as the engine carries it out.
/// guard: watches the stage. batches: how many the objective of an update is computed on.
[<Sealed>]
type internal StepContext
    (
        run: LiveRun,
        stage: Stage,
        guard: StageGuard,
        progress: Progress,
        key: RandomKey,
        reports: ScalarMeans,
        scope: DisposeScope,
        batches: int64,
        evaluate: Func<string, string, int64, Evaluation>,
        visit: Action<string, int64, Action<Batch>>,
        cancellation: CancellationToken
    ) =
    inherit PartContext(progress, key, run.Device, false)

    let calls = Dictionary<string, int64>()
    let values = Dictionary<string, float>()

    let passes = NetworkPasses(run, progress)
    let sums = StepLosses(run, progress)
    let drawn = DrawnBatches scope
    let thread = Environment.CurrentManagedThreadId
    let mutable ended: string = null
    let mutable isOver = false

    // Two comparisons: it costs nothing that could be measured.
    let require (what: string) =
        if isOver then
            raise (guard.Misuse(progress, what, "after the step had ended"))

        if Environment.CurrentManagedThreadId <> thread then
            raise (guard.Misuse(progress, what, "on another thread than the step's"))

    // The random streams of an accumulated batch are its own, the first one's those of the step.
    let stream () =
        if drawn.Part = 0L then
            key
        else
            key.Derive("micro-batch").Derive(drawn.Part)

    let nth (name: string) =
        let n =
            match calls.TryGetValue name with
            | true, n -> n
            | _ -> 0L

        calls[name] <- n + 1L
        n

    let compute (trainables: IReadOnlyList<Trainable>) (objective: Func<Tensor>) =
        sums.Begin trainables

        let value =
            use _ = run.PrecisionScope()
            objective.Invoke()

        sums.Check value
        value

    // The gradient of the mean over all samples, batch after batch, each in a memory of its own.
    let accumulate (trainables: IReadOnlyList<Trainable>) (objective: Func<Tensor>) =
        let mutable sum: Tensor = null
        let mutable weights, first, go = 0.0, 0L, true

        while go do
            use memory = StepScope.Begin()
            let outside = passes.Answers
            passes.Answers <- outside.Copy()
            let value = drawn.InPart(memory, (fun () -> compute trainables objective))
            let samples = drawn.PartSamples

            if drawn.Part = 0L then
                first <- samples

            let weight =
                if samples = first || samples = 0L then
                    1.0
                else
                    float samples / float first

            let weighted =
                if weight = 1.0 then
                    value
                else
                    value.mul (weight.ToScalar())

            weighted.backward ()
            weights <- weights + weight

            sum <-
                memory.Keep(
                    if isNull sum then
                        weighted.detach ()
                    else
                        sum + weighted.detach ()
                )

            // What was answered to this batch dies with it.
            passes.Answers <- outside

            // An objective without a batch would compute the same again.
            go <- samples > 0L && drawn.Part + 1L < batches
            drawn.EndPart()

        drawn.EndParts()

        if weights = 1.0 then
            sum
        else
            Gradients.scale trainables (1.0 / weights)
            sum.div (weights.ToScalar())

    /// Why the step function ended the stage; null where it did not.
    member _.Ended = ended

    /// The batches that the step has drawn, for as long as they are there.
    member _.Drawn: IReadOnlyList<Batch> = drawn.Alive

    /// How many samples the step has drawn.
    member _.Samples = drawn.Samples

    /// Calls the stage's step function. Raises KDP0311 where gradients are accumulated and it leaves batches out or draws
    /// them where they would not be exchanged.
    member this.Take() =
        drawn.Begin()
        stage.Step.Invoke this

        if batches > 1L then
            drawn.CheckAccumulation stage

    override _.Stream = stream ()

    /// Nobody may use it any more.
    member _.Close() = isOver <- true

    override _.Consult(role, batch, taps) =
        require "Consult"
        passes.WithoutGraph(run.Role role, batch, taps)

    override _.Value(name, fallback) =
        match values.TryGetValue name with
        | true, value -> value
        | _ -> fallback

    member private this.Context(purpose: string, name: string) : IPartContext =
        DerivedContext(this, (stream ()).Derive(purpose).Derive(name).Derive(nth $"{purpose}/{name}"))

    // Augmented by streams of its own where it is to be the same in every run, by the step's where origin is null.
    member private this.Replayable
        (origin: Lineage, augmentations, context: unit -> IPartContext, batch: Batch)
        : Batch =
        if isNull origin then
            Pipeline.apply augmentations (context ()) batch
        else
            let stream = DerivedContext(this, run.Replay.Stream origin)
            (Pipeline.apply augmentations stream batch).From origin

    // suffix: of the names that the losses are reported under. own, guided: weights of those that need no teacher, and of
    // those that need one; what has none is left out.
    member private this.Sum
        (
            losses: WeightedLoss seq,
            suffix: string,
            own: double,
            guided: double,
            outputs: IReadOnlyDictionary<string, ModelOutput>,
            student,
            teacher,
            batch: Batch
        ) =
        let mutable total: Tensor = null

        let factor (weighted: WeightedLoss) = if weighted.Loss.NeedsTeacher then guided else own

        for weighted in losses |> Seq.filter (fun loss -> factor loss <> 0.0) do
            let id = weighted.Id + suffix

            let report =
                Action<string, Tensor>(fun name value -> (this :> IStepContext).Report($"{id}.{name}", value))

            let random = (stream ()).Derive("loss").Derive(id)
            let context = LossContext(this, random, outputs, student, teacher, batch, report)
            let value = sums.Compute(weighted, id, context)
            (this :> IStepContext).Report(id, value)

            let weight = weighted.Weight * factor weighted

            let part =
                if weight = 1.0 then
                    value
                else
                    value.mul (weight.ToScalar())

            total <- if isNull total then part else total + part

        if isNull total then
            Fail.error
                CoreErrors.WrongCombination
                $"Stage '{stage.Name}' asks for losses of the recipe, but it has none that serve."

        total

    member private _.Outputs(student: ModelOutput, teacher: ModelOutput) =
        let outputs = Dictionary<string, ModelOutput>()
        outputs[Roles.Student] <- student

        if not (isNull teacher) then
            outputs[Roles.Teacher] <- teacher

        outputs

    interface IStepContext with
        member _.Cancellation = cancellation

        member this.Next source =
            require "Next"
            let feed = run.Feed source
            let n = run.Cursors.GetValueOrDefault source
            run.Cursors[source] <- n + 1L
            let batch = feed.Take(n, drawn.Scope) |> BatchTensors.toDevice run.Device
            drawn.Add(source, batch)

            let origin =
                if isNull run.Replay || feed.Changes then
                    null
                else
                    run.Replay.Begin(source, n / feed.PerEpoch)

            this.Replayable(origin, run.Shared, (fun () -> this.Context("shared", source)), batch)

        member _.Read(source, indices) =
            require "Read"
            let batch = (run.Feed source).Source.Read indices

            for tensor in BatchTensors.all batch do
                drawn.Scope.Attach tensor |> ignore

            BatchTensors.toDevice run.Device batch

        member this.EvaluationView(role, batch) =
            require "EvaluationView"
            let plain = EvaluationContext(progress, key.Derive("evaluation-view"), run.Device)

            batch
            |> Pipeline.apply run.Shared plain
            |> Pipeline.apply (run.Role role).Augmentations plain

        member this.View(role, batch) =
            require "View"

            match (run.Role role).Augmentations with
            | none when none.Count = 0 -> batch
            | augmentations ->
                let origin =
                    if isNull run.Replay then
                        null
                    else
                        run.Replay.View(role, batch.Lineage)

                this.Replayable(origin, augmentations, (fun () -> this.Context("view", role)), batch)

        member _.Forward(role: string, batch: Batch, taps: IReadOnlyCollection<string>) =
            require "Forward"
            passes.Of(run.Role role, batch, taps)

        member _.Forward(network: INetwork, batch: Batch, taps: IReadOnlyCollection<string>) =
            require "Forward"
            passes.Of(network, batch, taps)

        member _.ForwardFrom(role, basis, taps) =
            require "ForwardFrom"
            passes.From(run.Role role, basis, taps)

        member _.Writer role =
            require "Writer"
            passes.Writer role

        member _.WithoutGraph compute =
            require "WithoutGraph"
            passes.WithoutGraph compute

        member _.Through(role, batch, taps) =
            require "Through"
            passes.Through(role, batch, taps)

        member _.ThroughNorms(role, batch, taps, unbiased) =
            require "ThroughNorms"
            passes.ThroughNorms(role, batch, taps, unbiased)

        member this.Objective(student: ModelOutput, teacher: ModelOutput, batch: Batch) =
            let losses =
                run.LossesOf.Invoke(Roles.Student, (if isNull teacher then null else Roles.Teacher))

            this.Sum(losses, "", 1.0, 1.0, this.Outputs(student, teacher), Roles.Student, Roles.Teacher, batch)

        member this.Objective
            (outputs: IReadOnlyDictionary<string, ModelOutput>, studentRole, teacherRole, batch: Batch)
            =
            (this :> IStepContext).Objective(outputs, studentRole, teacherRole, batch, 1.0, 1.0)

        member this.Objective(outputs, studentRole, teacherRole, batch, own, guided) =
            let losses = run.LossesOf.Invoke(studentRole, teacherRole)
            this.Sum(losses, "", own, guided, outputs, studentRole, teacherRole, batch)

        member this.Guidance(student, teacher, batch) =
            let losses = run.LossesOf.Invoke(Roles.Student, Roles.Teacher)
            this.Sum(losses, ".guided", 0.0, 1.0, this.Outputs(student, teacher), Roles.Student, Roles.Teacher, batch)

        member this.Update(trainables, objective) =
            require "Update"

            for trainable in trainables do
                guard.Stepping(trainable, progress)

            for trainable in trainables do
                (run.Optimisers.Of trainable).zero_grad()

            let total =
                use _ = run.Updating trainables

                if batches > 1L then
                    accumulate trainables objective
                else
                    let value = compute trainables objective
                    value.backward ()
                    value.detach ()

            sums.CheckReached()

            for trainable in trainables do
                run.Optimisers.Step(trainable, progress)

            (this :> IStepContext).Report("loss", total)
            total

        member _.Apply trainable =
            require "Apply"
            guard.Stepping(trainable, progress)
            run.Optimisers.Step(trainable, progress)

        member _.Restart trainable =
            require "Restart"
            run.Optimisers.Restart trainable

        member _.Report(name, value) =
            require "Report"
            let scalar = value.detach ()
            sums.Report(name, scalar)
            reports.Add(name, scalar)

        member _.Publish(name, value) =
            require "Publish"
            values[name] <- value

        member _.Evaluate(role, source, samples) =
            require "Evaluate"
            evaluate.Invoke(role, source, samples)

        member _.Visit(source, samples, action) =
            require "Visit"
            visit.Invoke(source, samples, action)

        member _.AsEvaluation action =
            require "AsEvaluation"
            run.Quietly action.Invoke

        member _.EndStage reason =
            require "EndStage"
            ended <- reason
