namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Threading.Tasks
open TorchSharp
open KdPlugins.Torch

/// Sums over the batches of an evaluation, for one kind of target.
[<AbstractClass>]
type internal Meter() =

    /// Adds a batch.
    abstract Add: output: ModelOutput * batch: Batch -> unit

    /// The metrics.
    abstract Values: unit -> IReadOnlyDictionary<string, double>

    /// See Evaluation.Confusion.
    abstract Confusion: IReadOnlyList<IReadOnlyList<int64>>
    default _.Confusion = Array.empty

/// Counts of (true class, predicted class).
[<Sealed>]
type internal ConfusionCounts(classes: int) =
    let counts = Array.init classes (fun _ -> Array.zeroCreate<int64> classes)

    /// Adds pairs of int64 tensors of one shape.
    member _.Add(truth: Tensor, predicted: Tensor) =
        let joint: Tensor =
            (truth * (int64 classes).ToScalar() + predicted).flatten().bincount(null, int64 (classes * classes))

        let flat = joint.cpu().data<int64>().ToArray()

        for i in 0 .. flat.Length - 1 do
            counts[i / classes][i % classes] <- counts[i / classes][i % classes] + flat[i]

    /// Rows are true classes.
    member _.Rows = counts

    /// Rows as others read them.
    member _.ReadOnly: IReadOnlyList<IReadOnlyList<int64>> =
        counts |> Array.map (fun row -> row :> IReadOnlyList<int64>) :> _

/// Accuracy, top-5 accuracy and mean cross-entropy of class indices.
[<Sealed>]
type internal ClassMeter(classes: int) =
    inherit Meter()
    let confusion = ConfusionCounts classes
    let mutable samples, top5, loss = 0L, 0L, 0.0

    override _.Add(output, batch) =
        let labels = TargetReader.As<ClassIndexTarget>(batch.Target, "evaluation").Labels
        let logits = output.Logits
        samples <- samples + labels.shape[0]
        confusion.Add(labels, logits.argmax 1L)

        loss <-
            loss
            + torch.nn.functional
                .cross_entropy(logits, labels, reduction = torch.nn.Reduction.Sum)
                .to_type(torch.ScalarType.Float64)
                .item<double>()

        if classes > 5 then
            let struct (_, best) = logits.topk (5, 1)
            top5 <- top5 + best.eq(labels.unsqueeze 1L).sum().item<int64>()

    override _.Values() =
        let values = Dictionary<string, double>()
        let right = confusion.Rows |> Array.mapi (fun i row -> row[i]) |> Array.sum
        values["accuracy"] <- float right / float samples
        values["loss"] <- loss / float samples

        if classes > 5 then
            values["top5"] <- float top5 / float samples

        values

    override _.Confusion = confusion.ReadOnly

/// Mean intersection over union and pixel accuracy of class maps; ignored pixels do not count, classes that neither
/// appear nor are predicted are left out of the mean.
[<Sealed>]
type internal ClassMapMeter(classes: int) =
    inherit Meter()
    let confusion = ConfusionCounts classes
    let mutable pixels, loss = 0L, 0.0

    override _.Add(output, batch) =
        let target = TargetReader.As<ClassMapTarget>(batch.Target, "evaluation")
        let labels = target.Labels
        let size = [| labels.shape[1]; labels.shape[2] |]

        let logits =
            if output.Logits.shape[2] = size[0] && output.Logits.shape[3] = size[1] then
                output.Logits
            else
                torch.nn.functional.interpolate (
                    output.Logits,
                    size = size,
                    mode = torch.InterpolationMode.Bilinear,
                    align_corners = Nullable false
                )

        let valid = labels.ne (target.IgnoreIndex.ToScalar())
        pixels <- pixels + valid.sum().item<int64>()
        confusion.Add(labels.masked_select valid, logits.argmax(1L).masked_select valid)

        loss <-
            loss
            + torch.nn.functional
                .cross_entropy(logits, labels, ignore_index = target.IgnoreIndex, reduction = torch.nn.Reduction.Sum)
                .to_type(torch.ScalarType.Float64)
                .item<double>()

    override _.Values() =
        let values = Dictionary<string, double>()
        let rows = confusion.Rows

        let iou (c: int) =
            let inter = rows[c][c]
            let union = Array.sum rows[c] + (rows |> Array.sumBy (fun row -> row[c])) - inter
            if union > 0L then Some(float inter / float union) else None

        let ious = Array.choose iou [| 0 .. classes - 1 |]
        values["miou"] <- if ious.Length = 0 then 0.0 else Array.average ious
        let right = rows |> Array.mapi (fun i row -> row[i]) |> Array.sum
        values["pixel-accuracy"] <- float right / float (max 1L pixels)
        values["loss"] <- loss / float (max 1L pixels)
        values

    override _.Confusion = confusion.ReadOnly

/// Mean cross-entropy and perplexity of token sequences: the logits at a position are for the target there.
[<Sealed>]
type internal TokenMeter() =
    inherit Meter()
    let mutable tokens, loss = 0L, 0.0

    override _.Add(output, batch) =
        let target = TargetReader.As<TokenTarget>(batch.Target, "evaluation")
        let logits = output.Logits.flatten (0L, 1L)

        let each =
            torch.nn.functional.cross_entropy (logits, target.Ids.flatten (), reduction = torch.nn.Reduction.None)

        let mask = target.Mask.flatten ()
        tokens <- tokens + mask.sum().item<int64>()

        loss <-
            loss
            + each.masked_select(mask).to_type(torch.ScalarType.Float64).sum().item<double>()

    override _.Values() =
        let values = Dictionary<string, double>()
        let mean = loss / float (max 1L tokens)
        values["loss"] <- mean
        values["perplexity"] <- Math.Exp mean
        values

/// Evaluation: always in float32, in evaluation mode, without random augmentation.
module internal Evaluator =

    let private meterFor (kind: TargetKind) (classes: int64) : Meter =
        match kind with
        | TargetKind.ClassIndex -> ClassMeter(int classes)
        | TargetKind.ClassMap -> ClassMapMeter(int classes)
        | TargetKind.Tokens -> TokenMeter()
        | other -> Fail.error CoreErrors.TargetKind $"Evaluation has no metric for targets of the kind {other}."

    // How many samples of a source are gone through.
    let private countOf (name: string) (source: IDataSource) (samples: int64) =
        if source.Count < 1L then
            Fail.error CoreErrors.NoSamples $"The source '{name}' is to be gone through, which has 0 samples."

        if samples > 0L then
            min samples source.Count
        else
            source.Count

    let private batches (source: IDataSource) (count: int64) (size: int64) =
        SampleChoice.choose source count |> Array.chunkBySize (int size)

    let private read (source: IDataSource) (indices: int64[]) = Task.Run(fun () -> source.Read(ReadOnlyMemory indices))

    /// What augmentations see of an evaluation.
    let context (run: LiveRun) (progress: Progress) =
        EvaluationContext(progress, run.Key.Derive("evaluation"), run.Device)

    let private eachBatch (run: LiveRun) (source: IDataSource) (count: int64) (size: int64) (action: Batch -> unit) =
        let all = batches source count size
        let mutable next = read source all[0]

        for i in 0 .. all.Length - 1 do
            use memory = StepScope.Begin()
            let batch = next.GetAwaiter().GetResult()

            if i + 1 < all.Length then
                next <- read source all[i + 1]

            for tensor in BatchTensors.all batch do
                memory.Scope.Attach tensor |> ignore

            action (BatchTensors.toDevice run.Device batch)

    /// Goes through a source in order; see IStepContext.Visit.
    let visit (run: LiveRun) (progress: Progress) (source: string) (samples: int64) (action: Action<Batch>) =
        let data = (run.Feed source).Source
        let count = countOf source data samples
        let context = context run progress :> IPartContext
        use _ = torch.no_grad ()
        use _ = Autocast.Disabled()
        let size = run.EvaluationBatchOf(source, [||])
        eachBatch run data count size (fun batch -> batch |> Pipeline.apply run.Shared context |> action.Invoke)

    let private place (progress: Progress) (role: string) (source: string) () =
        $"while '{role}' was evaluated on '{source}' at {progress}"

    let private measure
        (run: LiveRun)
        (progress: Progress)
        (role: string)
        (source: string)
        (samples: int64)
        : Evaluation =
        let state = run.Role role
        let data = (run.Feed source).Source
        let count = countOf source data samples
        let context = context run progress :> IPartContext
        let modules = state.Network.Module
        let mutable meter: Meter = Unchecked.defaultof<_>
        let wasTraining = modules.training
        use _ = torch.no_grad ()
        use _ = Autocast.Disabled()
        modules.eval ()

        try
            eachBatch run data count (run.EvaluationBatchOf(source, state.Augmentations)) (fun batch ->
                let view =
                    batch
                    |> Pipeline.apply run.Shared context
                    |> Pipeline.apply state.Augmentations context

                if obj.ReferenceEquals(meter, null) then
                    meter <- meterFor view.Target.Kind state.Network.Shape.Classes

                let sums = meter

                // What the network answers may not fit the labels: that is its fault too.
                PluginCall.at state.Network (place progress role source) (fun () ->
                    let output =
                        state.Network.Forward(view.Input, view.Mask, Array.empty)
                        |> PluginCall.something state.Network (place progress role source) "Forward"

                    sums.Add(output, view)))
        finally
            modules.train wasTraining

        let values = meter.Values()

        match values.TryGetValue "loss" with
        | true, loss when not (Double.IsFinite loss) ->
            Fail.error
                TrainingErrors.EvaluationNotFinite
                $"The loss of '{role}' on {count} samples of '{source}' is {loss}: the network's answers are not finite."
        | _ -> ()

        Evaluation(role, source, count, values, meter.Confusion)

    /// Evaluates a role's network on a source. samples: at most so many, 0 for all. Raises KDP0706 where the loss is not
    /// finite: an accuracy of such answers would be that of a guess.
    let evaluate (run: LiveRun) (progress: Progress) (role: string) (source: string) (samples: int64) : Evaluation =
        let apart () =
            // A network that draws in evaluation mode too moves nothing in the step around it.
            use _ = RandomScope.Use(run.Key.Derive("evaluation").Value)
            measure run progress role source samples

        DrawCheck.During($"Evaluating the role '{role}'", apart)
