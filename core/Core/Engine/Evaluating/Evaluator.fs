namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Threading.Tasks
open TorchSharp
open KdPlugins.Torch

/// Evaluation: always in float32, in evaluation mode, without random augmentation.
module internal Evaluator =

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

    // The values in the panel's order; what a meter has left out is left out.
    let private measures (panel: Panel) (readings: MeterReading[]) : Measure[] =
        let found = Dictionary<string, float>()

        for used, reading in Seq.zip panel.Meters readings do
            for value in reading.Values do
                if not (used.Meter.Values |> Seq.exists (fun v -> v.Name = value.Key)) then
                    Fail.error
                        CoreErrors.MeterFault
                        $"The meter '{used.Id}' gives a value '{value.Key}', which it does not state."

                found[value.Key] <- value.Value

        let given =
            panel.Values
            |> Seq.filter (fun v -> found.ContainsKey v.Name)
            |> Seq.map (fun v -> Measure(v, found[v.Name]))
            |> Seq.toArray

        if not (given |> Array.exists (fun m -> m.Value.Name = panel.Best)) then
            let known = String.Join(", ", given |> Seq.map _.Value.Name)

            Fail.error
                CoreErrors.BestUnknown
                $"The best state is to be chosen by '{panel.Best}', which says nothing of this data; there is: {known}."

        given

    // One measurement per meter, begun with the first batch, whose target says which meters take part.
    [<Sealed>]
    type private Measuring(run: LiveRun, state: RoleState, data: DataInfo, place: unit -> string) =
        let mutable panel: Panel = Unchecked.defaultof<_>
        let mutable all: IMeasurement[] = [||]
        let mutable taps: IReadOnlyCollection<string> = [||]
        let network = state.Network

        // What a measurement holds lives longer than the batch that begins it.
        let start (kind: TargetKind) (outer: DisposeScope) =
            use scope = torch.NewDisposeScope()
            panel <- run.Meters.For kind
            taps <- panel.Taps network.Shape
            all <- Array.zeroCreate panel.Meters.Count

            for i in 0 .. all.Length - 1 do
                all[i] <- panel.Meters[i].Meter.Begin(MeterBinding(network, data, run.Device))

            let held = Seq.toArray scope.DisposablesView
            scope.Detach held |> ignore
            outer.Attach held |> ignore

        member _.Add(batch: Batch, outer: DisposeScope) =
            if isNull (box panel) then
                start batch.Target.Kind outer

            let output =
                PluginCall.at network place (fun () ->
                    network.Forward(batch.Input, batch.Mask, taps)
                    |> PluginCall.something network place "Forward")

            for used, measurement in Seq.zip panel.Meters all do
                PluginCall.at used.Meter place (fun () -> measurement.Add(output, batch))

        member _.Panel = panel
        member _.Read() = all |> Array.map _.Read()

        interface IDisposable with
            member _.Dispose() =
                for measurement in all do
                    if not (isNull measurement) then
                        measurement.Dispose()

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
        use scope = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        use _ = Autocast.Disabled()
        use _ = run.Evaluating()

        use measuring =
            new Measuring(run, state, run.InfoOf source, place progress role source)

        eachBatch run data count (run.EvaluationBatchOf(source, state.Augmentations)) (fun batch ->
            let view =
                batch
                |> Pipeline.apply run.Shared context
                |> Pipeline.apply state.Augmentations context

            measuring.Add(view, scope))

        let readings = measuring.Read()
        let found = measures measuring.Panel readings

        match found |> Array.tryFind (fun m -> not (Double.IsFinite m.Number)) with
        | Some bad ->
            Fail.error
                TrainingErrors.EvaluationNotFinite
                $"The {bad.Value.Name} of '{role}' on {count} samples of '{source}' is {bad.Number}: the network's answers are not finite."
        | None -> ()

        Evaluation(
            role,
            source,
            count,
            found,
            measuring.Panel.Best,
            readings |> Array.collect (fun r -> Seq.toArray r.Drawings)
        )

    /// Evaluates a role's network on a source. samples: at most so many, 0 for all. Raises KDP0706 where a value is not
    /// finite: an accuracy of such answers would be that of a guess. Raises KDP037x where nothing measures its targets.
    let evaluate (run: LiveRun) (progress: Progress) (role: string) (source: string) (samples: int64) : Evaluation =
        let apart () =
            // A network that draws in evaluation mode too moves nothing in the step around it.
            use _ = RandomScope.Use(run.Key.Derive("evaluation").Value)
            measure run progress role source samples

        DrawCheck.During($"Evaluating the role '{role}'", apart)
