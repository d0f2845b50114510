namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules

/// Where a student's targets come from when it learns from few stored samples.
type LabelMode =
    /// The mean of the teachers' logits on every stored sample as it is, computed once.
    | Static = 0
    /// The mean of the teachers' logits on what the student sees, computed in every step.
    | Dynamic = 1
    /// The soft targets that the source holds, taken as logits.
    | Stored = 2
    /// The source's classes; nobody teaches.
    | Classes = 3

/// What follows once there is a small data set: its samples are labelled by teachers, a student learns from them. The
/// recipe's losses see the labels as the teacher's logits and, as the batch's target, as probabilities (the source's own
/// classes where the mode is Dynamic or Classes), so every loss fits. What blends samples in the student's view, such as
/// mixup, blends the logits with them.
/// source: the small data set, one of the run's sources. teachers: the roles that label. student: the role that learns.
[<Sealed>]
type SoftLabels
    (context: IPlanContext, source: string, teachers: IReadOnlyList<string>, student: string, mode: LabelMode) =

    let samples = context.SourceCount source
    let asks = mode = LabelMode.Static || mode = LabelMode.Dynamic

    do
        if asks && teachers.Count = 0 then
            Fail.error CoreErrors.WrongCombination $"Labels of the mode {mode} need at least one teacher, got none."

        if mode = LabelMode.Classes then
            Untaught.Require($"Labels of the mode {mode} train '{student}'", context)

        for role in (if asks then Seq.toArray teachers else [||]) do
            let taught, learnt =
                context.Network(role).Shape.Classes, context.Network(student).Shape.Classes

            if taught <> learnt then
                Fail.error
                    CoreErrors.ShapesDiffer
                    $"'{role}' labels {taught} classes, '{student}' learns {learnt}: class counts must match."

    // [N, classes]
    let stored =
        if mode <> LabelMode.Static then
            null
        else
            let kept =
                new Parameter(torch.zeros (samples, context.Data.Classes, device = context.Device), false)

            context.State.Register("soft-labels", kept)
            kept

    let mean (step: IStepContext) (viewOf: string -> Batch) =
        [|
            for role in teachers -> step.Consult(role, viewOf role, Array.Empty<string>()).Logits
        |]
        |> LabelMath.MeanLogits

    let labelBatch (step: IStepContext) =
        let size = context.Training.BatchSize
        let first = step.Progress.Step * size
        let rows = [| first .. min samples (first + size) - 1L |]
        let raw = step.Read(source, ReadOnlyMemory rows)
        let logits = mean step (fun role -> step.EvaluationView(role, raw))
        use _ = torch.no_grad ()
        stored.narrow(0L, first, rows.LongLength).copy_ logits |> ignore

    // The batch whose target are logits, where they are known before augmentation.
    let withLogits (batch: Batch) =
        if isNull stored then
            batch
        else
            let rows = batch.Indices.``to`` context.Device
            batch.WithTarget(SoftTarget(stored.detach().index_select(0L, rows)))

    let answers (step: IStepContext) (view: Batch) : struct (ModelOutput * Batch) =
        let output logits = ModelOutput(logits, null, Dictionary<string, Tensor>())

        match mode with
        | LabelMode.Classes -> struct (null, view)
        | LabelMode.Dynamic -> struct (output (mean step (fun _ -> view)), view)
        | _ ->
            let logits =
                TargetReader.As<SoftTarget>(view.Target, "a student on stored labels").Values

            struct (output logits, view.WithTarget(SoftTarget(torch.nn.functional.softmax (logits, 1L))))

    let trainable = context.TrainableOf student

    let learn (step: IStepContext) =
        let objective () =
            let view = step.View(student, step.Next source |> withLogits)
            let struct (taught, seen) = answers step view
            step.Objective(step.Forward(student, seen, null), taught, seen)

        step.Update([| trainable |], objective) |> ignore

    /// The labels [N, classes] of the mode Static, as logits, filled by the stage "label"; null in other modes.
    member _.Logits = stored

    /// "label" (where the mode is Static), then "student" of as many epochs of the source as the recipe says.
    member _.Stages: IReadOnlyList<Stage> =
        let batches =
            (samples + context.Training.BatchSize - 1L) / context.Training.BatchSize

        [|
            if not (isNull stored) then
                Stage("label", StageLength.Steps batches, labelBatch, Source = source)

            Stage(
                "student",
                StageLength.Epochs context.Training.Epochs,
                learn,
                Source = source,
                Trainables = [| trainable |],
                Trains = [| student |],
                Evaluates = [| student |]
            )
        |]
