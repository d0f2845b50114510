namespace KdPlugins.Core

open System
open System.Threading
open TorchSharp
open KdPlugins.Torch

/// What only a later stage would find, found before the first one is trained: one batch is traced through every network,
/// and every stage takes one step, in a composition that is thrown away.
module internal Rehearsal =

    let private start = Progress("", 0L, 0L, 1L)
    let private fewSamples = 16L

    // Networks of class maps are made for crops, and evaluated on whole images: then sides differ, and channels do not.
    let private agrees (isWhole: bool) (said: int64[]) (real: int64[]) =
        if isWhole && said.Length = real.Length && said.Length > 1 then
            said[0] = real[0]
        else
            said = real

    let private checkTaps (role: string) (network: INetwork) (input: Tensor) (values: PreflightValue seq) =
        let isWhole =
            input.dim () = 4L && Array.skip 1 input.shape <> Seq.toArray network.Shape.Input

        for value in values do
            match network.Shape.Taps |> Seq.tryFind (fun t -> t.Name = value.Name) with
            | Some tap when tap.Shape |> Seq.forall (fun d -> d >= 0L) ->
                let real = value.Shape |> Seq.skip 1 |> Seq.toArray

                if not (agrees isWhole (Seq.toArray tap.Shape) real) then
                    Fail.error
                        CoreErrors.ShapesDiffer
                        $"The network of '{role}' says that its tap is {tap}; a batch gave {TensorText.Shape(ReadOnlySpan real)}."
            | _ -> ()

    /// What a batch becomes on its way through a role's network. Raises KDP0303 for a tap of another shape than it says.
    let trace (composition: Composition) (role: RoleState) : PreflightRole =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let run = composition.Run
        let network = role.Network
        let source = (run.Feed "train").Source
        let count = min composition.Recipe.Training.BatchSize source.Count
        let context = Evaluator.context run start :> IPartContext
        use _ = run.Evaluating()

        let view =
            source.Read(ReadOnlyMemory(Array.init (int count) int64))
            |> BatchTensors.toDevice run.Device
            |> Pipeline.apply run.Shared context
            |> Pipeline.apply role.Augmentations context

        let taps = network.Shape.Taps |> Seq.map _.Name |> Seq.toArray
        let output = network.Forward(view.Input, view.Mask, taps)

        let values =
            [|
                "input", view.Input
                for tap in taps do
                    tap, output.Feature tap
                "embedding", output.Embedding
                "logits", output.Logits
            |]
            |> Array.filter (fun (_, t) -> not (isNull t))
            |> Array.map (fun (name, t) -> { Name = name; Shape = t.shape })

        checkTaps role.Name network view.Input values

        {
            Role = role.Name
            Parameters = network.Module.parameters () |> Seq.sumBy (fun p -> p.numel ())
            Frozen =
                network.Module.parameters ()
                |> Seq.filter (fun p -> run.Frozen.Contains p.Handle)
                |> Seq.sumBy (fun p -> p.numel ())
            Bytes = Memory.bytesOf network.Module
            Values = values
        }

    let private evaluate (run: LiveRun) (progress: Progress) (role: string) (source: string) =
        use _ = torch.NewDisposeScope()
        Evaluator.evaluate run progress role source fewSamples

    let private step
        (composition: Composition)
        (phase: Phase)
        (stage: Stage)
        (tell: string -> unit)
        (cancellation: CancellationToken)
        =
        composition.Enter phase
        let run = composition.Run
        // Two are enough to show whether gradients can be accumulated.
        run.Accumulate <- min run.Accumulate 2
        let name = phase.StageName stage

        let hooks =
            { new ILoopHooks with
                member _.Cancellation = cancellation
                member _.AfterStep(_, _, _) = null
                member _.OnFailure(_, _, error) = error
                member _.Watcher = null
                member _.Warn message = tell message
                member _.Evaluate(progress, role, source, _) = evaluate run progress role source
            }

        let reports = ScalarMeans()

        TrainingLoop.runStage run stage name (run.Key.Derive("stage").Derive name) 0L 1L reports hooks
        |> ignore

        reports.Read() |> ignore
        run.Cursors.Clear()

        if run.Feeds.ContainsKey stage.Validation then
            for role in stage.Evaluates do
                evaluate run start role stage.Validation |> ignore

    // What parts say of each other holds however long was trained before; a pool without samples, or a loss that is not
    // finite, may be a matter of that alone.
    let private holds (error: exn) =
        match error with
        | :? OperationCanceledException -> true
        | :? KdException as e ->
            Seq.contains e.Code [ TrainingErrors.NotScalar; TrainingErrors.NoGradient ]
            || (e.Code.Id.StartsWith("KDP03", StringComparison.Ordinal)
                && e.Code <> CoreErrors.NoSamples)
        | _ -> false

    /// Whether there is a later stage.
    let isNeeded (composition: Composition) = composition.Phases |> Seq.sumBy _.Stages.Count > 1

    /// Tries every stage of a composition, which is of no use afterwards. Raises what parts say of each other; tells of what else
    /// fails, which the run may not meet.
    /// check: watches, and is to be blamed for what fails first; null for none.
    let run (composition: Composition) (check: LayerCheck) (tell: string -> unit) (cancellation: CancellationToken) =
        composition.Run.Warn <- Action<string> tell
        Replays.tryOnly composition.Run
        use _ = if isNull check then null else check.Watch composition

        let blame (error: exn) =
            if not (isNull check) then
                check.Blame error

        for role in composition.Run.Roles.Values |> Seq.sortBy _.Name do
            try
                trace composition role |> ignore
            // Steps may give it other inputs.
            with error when not (holds error) ->
                blame error

        let stages =
            [
                for phase in composition.Phases do
                    for stage in phase.Stages -> phase, stage
            ]

        let mutable failed = false

        for i, (phase, stage) in List.indexed stages do
            if not failed && not cancellation.IsCancellationRequested then
                try
                    step composition phase stage tell cancellation
                with error when not (holds error) ->
                    blame error
                    failed <- true

                    // The run meets the first one's failure at once.
                    if i > 0 then
                        tell
                            $"The stage '{phase.StageName stage}', tried before the run after one step of each stage before it, failed: {error.Message}"
