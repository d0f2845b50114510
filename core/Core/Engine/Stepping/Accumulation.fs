namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch

/// How long a stage is, and on how many batches each of its updates. A stage without trainables makes no updates: each of
/// its steps is one batch's, whatever the recipe accumulates.
[<Sealed>]
type internal StagePace(run: LiveRun, stage: Stage) =
    let accumulate =
        if stage.Trainables.Count = 0 then
            1L
        else
            int64 run.Accumulate

    let overSource = stage.StepsPerEpoch = 0L && run.Feeds.ContainsKey stage.Source
    let batches = if overSource then run.Feeds[stage.Source].PerEpoch else 0L

    let stepsPerEpoch =
        if overSource then
            (batches + accumulate - 1L) / accumulate
        else
            max 1L stage.StepsPerEpoch

    /// Steps of an epoch, at least 1.
    member _.StepsPerEpoch = stepsPerEpoch

    /// Steps of the stage.
    member _.Steps = stage.Length.ToSteps stepsPerEpoch

    /// The mean of Batches.
    member _.MeanBatches =
        if overSource && stage.Length.InEpochs then
            float batches / float stepsPerEpoch
        else
            float accumulate

    /// Batches of a step: as many as are accumulated, the rest at the end of an epoch.
    member _.Batches(step: int64) =
        if overSource && stage.Length.InEpochs then
            min accumulate (batches - step % stepsPerEpoch * accumulate)
        else
            accumulate

/// Gradients that are there.
module internal Gradients =

    /// Multiplies them, each once.
    let scale (trainables: IReadOnlyList<Trainable>) (factor: float) =
        use _ = torch.no_grad ()
        let seen = HashSet<nativeint>()

        for trainable in trainables do
            for struct (_, p) in trainable.Parameters do
                let gradient = p.grad

                if not (isNull gradient) && seen.Add p.Handle then
                    gradient.mul_ (factor.ToScalar()) |> ignore

/// The batches of one step: those that an accumulating update draws, part by part, and those drawn beside it.
/// step: the step's memory.
[<Sealed>]
type internal DrawnBatches(step: DisposeScope) =
    let alive = List<Batch>()
    let beside = HashSet<string>()
    let mutable memory: StepScope = null
    let mutable samples, before, part, inParts = 0L, 0L, 0L, false
    let mutable kept = 0

    /// Those that are still there.
    member _.Alive = alive

    /// Samples of all of them.
    member _.Samples = samples

    /// The number of the present part within its update, from 0.
    member _.Part = part

    /// Samples of the present part.
    member _.PartSamples = samples - before

    /// What owns what is drawn now.
    member _.Scope = if isNull memory then step else memory.Scope

    /// Notes a batch.
    member _.Add(source: string, batch: Batch) =
        alive.Add batch
        samples <- samples + batch.Count

        if isNull memory then
            beside.Add source |> ignore
        else
            inParts <- true

    /// The step function is about to be called.
    member _.Begin() = beside.Clear()

    /// Computes a part's objective. Batches of a part that fails live on, for who looks into them.
    member _.InPart(own: StepScope, compute: unit -> Tensor) : Tensor =
        memory <- own
        before <- samples
        kept <- alive.Count

        try
            compute ()
        with _ ->
            for batch in Seq.skip kept alive do
                for tensor in BatchTensors.all batch do
                    step.Attach tensor |> ignore

            reraise ()

    /// Lets go of the part's batches.
    member _.EndPart() =
        alive.RemoveRange(kept, alive.Count - kept)
        memory <- null
        part <- part + 1L

    /// The update has all its parts.
    member _.EndParts() = part <- 0L

    /// Raises KDP0311 where a step did not take the batches that its updates ought to be made of.
    member _.CheckAccumulation(stage: Stage) =
        let wrong (found: string) =
            raise (
                KdException(
                    CoreErrors.NotAccumulated,
                    $"The recipe accumulates gradients over several batches, and the step of stage '{stage.Name}' {found}.",
                    "Set \"accumulate\" to 1. The strategy's author has to draw batches inside of the objective that Update is given."
                )
            )

        if beside.Contains stage.Source then
            wrong
                $"draws its batch of '{stage.Source}' outside of an update's objective: it would be the same one every time"
        elif not inParts && beside.Count > 0 then
            let names = String.Join(", ", beside)

            wrong
                $"draws its batches ({names}) outside of an update's objective: they would be the same ones every time"
        elif not inParts && stage.Length.InEpochs && stage.StepsPerEpoch = 0L then
            wrong $"draws none, although the stage counts epochs of '{stage.Source}'"
