namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Diagnostics
open System.Threading
open TorchSharp
open KdPlugins.Torch

/// Tries a recipe without making a run: everything is composed, one batch is traced, the teacher is scored, every stage
/// takes some steps. Nothing is written.
/// check: watches meanwhile; null for none. before: bytes that the process used before the run was composed. answers: what is stored
/// of them.
[<Sealed>]
type internal Trial
    (composition: Composition, options: PreflightOptions, check: LayerCheck, before: int64, answers: PreflightAnswers[])
    =
    let run = composition.Run
    let recipe = composition.Recipe
    let clock = options.Clock
    let start = Progress("", 0L, 0L, 1L)
    let mostBatches = 8
    let warnings = List<string>()
    // Bytes of pools at the ends of their stages beyond those of the steps that are tried.
    let mutable growth = 0.0

    let evaluate (role: string) (source: string) (samples: int64) =
        use _ = torch.NewDisposeScope()
        Evaluator.evaluate run start role source samples

    // Seconds of looking at layers, which no run takes.
    let spent () = if isNull check then 0.0 else check.Spent.TotalSeconds

    let since (began: int64) = clock.GetElapsedTime(began).TotalSeconds

    /// Seconds of a batch, samples of the first step, and steps tried, as the run takes them now.
    let time (stage: Stage) (name: string) (pace: StagePace) : struct (float * int64 * int) =
        let stamps = List<int64>()
        let samples = ref 0L
        use stop = new CancellationTokenSource()
        let began = clock.GetTimestamp()
        let spentBefore = spent ()

        let hooks =
            { new ILoopHooks with
                member _.Cancellation = stop.Token

                member _.AfterStep(context, _, _) =
                    if stamps.Count = 0 then
                        samples.Value <- context.Samples

                    stamps.Add(clock.GetTimestamp())

                    if since began - (spent () - spentBefore) > options.StageSeconds then
                        stop.Cancel()

                    null

                member _.OnFailure(_, _, error) = error
                member _.Watcher = null
                member _.Warn message = warnings.Add message

                member _.Evaluate(progress, role, source, samples) =
                    let few =
                        if samples > 0L then
                            min samples options.Samples
                        else
                            options.Samples

                    Evaluator.evaluate run progress role source few
            }

        let reports = ScalarMeans()
        let key = run.Key.Derive("stage").Derive(name)

        TrainingLoop.runStage run stage name key 0L options.Steps reports hooks
        |> ignore

        reports.Read() |> ignore
        run.Cursors.Clear()

        let seconds =
            match stamps.Count with
            | 0 -> 0.0
            | 1 ->
                let whole = clock.GetElapsedTime(began, stamps[0]).TotalSeconds
                (whole - (spent () - spentBefore)) / float (pace.Batches 0L)
            | n ->
                let tried = Seq.init (n - 1) (fun i -> pace.Batches(int64 i + 1L)) |> Seq.sum
                clock.GetElapsedTime(stamps[0], stamps[n - 1]).TotalSeconds / float tried

        struct (seconds, samples.Value, stamps.Count)

    // The roles whose weights are averaged.
    let averaged =
        composition.Phases
        |> Seq.filter (fun phase -> not phase.Section.Ema.IsNone)
        |> Seq.collect _.Stages
        |> Seq.collect _.Trains
        |> Seq.distinct
        |> Seq.toArray

    let evaluationSeconds (phase: Phase) (stage: Stage) (epochs: int64) =
        match run.Feeds.TryGetValue stage.Validation with
        | true, validation ->
            let count = validation.Source.Count
            // At least a whole batch, so that its memory is seen.
            let sample = min count (max options.Samples run.EvaluationBatch)
            let every = recipe.Evaluation.EveryEpochs
            let times = if every > 0L then max 1L (epochs / every) else 1L

            stage.Evaluates
            |> Seq.sumBy (fun role ->
                let began = clock.GetTimestamp()
                evaluate role stage.Validation sample |> ignore
                let isAveraged = not phase.Section.Ema.IsNone && Seq.contains role stage.Trains

                let states = if isAveraged then 2.0 else 1.0
                since began * float count / float sample * float times * states)
        | _ -> 0.0

    let atMost (section: TrainingSection) (seconds: float) =
        if section.MaxMinutes > 0.0 then
            min seconds (60.0 * section.MaxMinutes)
        else
            seconds

    let tryStage (phase: Phase) (once: bool) (stage: Stage) : PreflightStage =
        composition.Enter phase

        let name = phase.StageName stage
        let pace = StagePace(run, stage)
        let steps = pace.Steps
        // A step of very many batches is like one of some.
        run.Accumulate <- min run.Accumulate mostBatches
        let tried = StagePace(run, stage)
        let held = composition.Registry.PoolBytes()
        let struct (perBatch, samples, taken) = time stage name tried

        for pool in composition.Registry.PoolBytes() do
            let struct (bytes, most) = pool.Value
            let struct (first, _) = held[pool.Key]

            if taken > 0 && bytes > first then
                let further = (bytes - first) / float taken * float (steps - int64 taken)
                growth <- growth + max 0.0 (min further (most - bytes))

        run.Accumulate <- phase.Accumulate
        let perStep = perBatch * pace.MeanBatches
        let evaluations = evaluationSeconds phase stage (steps / pace.StepsPerEpoch)
        let trained = Dictionary<string, int64>()

        for trainable in stage.Trainables do
            trained[trainable.Name] <- trainable.Parameters |> Seq.sumBy (fun struct (_, p) -> p.numel ())

        {
            Name = name
            Steps = steps
            SamplesPerStep = samples / tried.Batches 0L * pace.Batches 0L
            Trained = trained
            StepSeconds = perStep
            EvaluationSeconds = evaluations
            Seconds = atMost phase.Section (perStep * float steps + evaluations)
            Once = once
        }

    let checkpointBytes (phase: int) =
        use _ = torch.NewDisposeScope()
        use bests = new Bests(run)
        CheckpointWriter.estimate (Snapshot.take composition (Cursor(Phase = phase)) bests false)

    /// Copies of the best states, which checkpoints hold too.
    let bestBytes () =
        composition.Phases
        |> Seq.collect _.Stages
        |> Seq.filter (fun stage -> stage.Evaluates.Count > 0 || not (isNull stage.Score))
        |> Seq.collect _.Trains
        |> Seq.distinct
        |> Seq.sumBy (fun role -> Memory.bytesOf (run.Role role).Network.Module)

    // Each of them is there twice: as it is, and as it was at its best.
    let averageBytes () =
        averaged
        |> Seq.sumBy (fun role -> 2L * Memory.bytesOf (run.Role role).Network.Module)

    // Of the steps that were tried. Several roles share what was measured of all.
    let withSeconds (answers: PreflightAnswers[]) =
        match run.Replay with
        | null -> answers
        | replay ->
            let struct (passes, seconds, _) = replay.Counts
            let mean = if passes > 0L then seconds / float passes else 0.0
            answers |> Array.map (fun a -> { a with PassSeconds = mean })

    /// Tries everything.
    member _.Run() : PreflightReport =
        run.Warn <- Action<string> warnings.Add
        NetworkRecord.warn composition warnings.Add
        BatchSizeCheck.warn composition warnings.Add
        ReplayCheck.warn composition warnings.Add
        TrainingCheck.warn composition warnings.Add

        let roles =
            run.Roles.Values
            |> Seq.sortBy _.Name
            |> Seq.map (Rehearsal.trace composition)
            |> Seq.toArray

        let reporting =
            if run.Feeds.ContainsKey "test" then
                "test"
            else
                "validation"

        let teacher =
            if run.Roles.ContainsKey Roles.Teacher && run.Feeds.ContainsKey reporting then
                evaluate Roles.Teacher reporting options.Samples
            else
                Unchecked.defaultof<Evaluation>

        let sources =
            run.Feeds.Values
            |> Seq.filter (fun f -> f.Source.Count > 0L)
            |> Seq.map (fun f ->
                {
                    Name = f.Name
                    Samples = f.Source.Count
                    BatchesPerEpoch = f.PerEpoch
                })
            |> Seq.sortBy _.Name
            |> Seq.toArray

        let isOnce (phase: Phase) = recipe.Prepare |> Seq.exists (fun p -> p.Name = phase.Name && p.Once)

        let stages =
            [|
                for phase in composition.Phases do
                    for stage in phase.Stages -> tryStage phase (isOnce phase) stage
            |]

        let answered = withSeconds answers
        let seeds = float recipe.Seeds.Count

        let largest =
            [ 0 .. composition.Phases.Count - 1 ]
            |> Seq.filter (fun i -> composition.Phases[i].Stages.Count > 0)
            |> Seq.map checkpointBytes
            |> Seq.fold max 0L

        let bests = bestBytes ()
        let checkpoint = largest + bests + averageBytes ()
        let peak = Process.GetCurrentProcess().PeakWorkingSet64
        // Rows of a bank that no step has touched yet may not be in the working set.
        let memory = max peak (before + largest) + bests + averageBytes () + int64 growth

        let limit =
            if options.MemoryLimit > 0L then
                options.MemoryLimit
            else
                Memory.limit ()

        if memory <= limit && float memory > 0.8 * float limit then
            warnings.Add
                $"The run needs about {Memory.text (float memory)} of memory; this process may use {Memory.text (float limit)}."

        let kept = recipe.Checkpoints.Keep + int64 stages.Length + 1L
        let exported = (roles |> Seq.sumBy (fun r -> 2L * r.Bytes)) + averageBytes ()

        {
            Device = string run.Device
            Sources = sources
            Roles = roles
            Teacher = teacher
            Layers =
                if isNull check then
                    Unchecked.defaultof<_>
                else
                    check.Report()
            Stages = stages
            Answers = answered
            Seconds = stages |> Seq.sumBy (fun s -> if s.Once then s.Seconds else s.Seconds * seeds)
            PeakMemoryBytes = peak
            MemoryBytes = memory
            MemoryLimitBytes = limit
            CheckpointBytes = checkpoint
            DiskBytes = int64 recipe.Seeds.Count * (kept * checkpoint + exported)
            Warnings = warnings |> Seq.distinct |> Seq.toArray
        }

/// Looking at a recipe or at a network without making a run.
[<AbstractClass; Sealed>]
type Preflight private () =

    /// Composes a recipe (with its first seed) and tries it. Raises KDP02xx to KDP05xx and KDP07xx for what would make the
    /// run fail; wrong layers are in the report, and raised (KDP0336) only where something failed after them, or where one would
    /// end the process.
    static member Run(recipe: Recipe, catalog: IPluginCatalog, options: PreflightOptions) : PreflightReport =
        let before = Environment.WorkingSet
        use composition = Composer(recipe, catalog, options.Clock, null).Compose()
        ValueRanges.check composition
        let answers = ReplayCheck.require composition
        Replays.tryOnly composition.Run

        let check =
            if isNull options.Layers || composition.Run.Device.``type`` <> DeviceType.CPU then
                null
            else
                LayerCheck(options.Layers, recipe.WrongLayers)

        use _ = if isNull check then null else check.Watch composition

        try
            Trial(composition, options, check, before, answers).Run()
        with error ->
            if not (isNull check) then
                check.Blame error

            reraise ()

    // Weights of the other roles need not be there.
    static member private WithWeights(recipe: Recipe, role: string, weights: WeightsSection) : Recipe =
        if isNull (box (recipe.Model role)) then
            let known = String.Join(", ", recipe.Models |> Seq.map _.Role)
            Fail.error CoreErrors.RoleMissing $"The role '{role}' is asked for; the recipe has: {known}."

        let withWeights (model: ModelSection) =
            { model with
                Weights = if model.Role = role then weights else WeightsSection.None
            }

        { recipe with
            Models = recipe.Models |> Seq.map withWeights |> Seq.toArray
        }

    /// The record of a role's network, one JSON object, as a run would write it beside the weights that it was given: for weight
    /// files that have none. Raises KDP0301 for a role that the recipe does not fill, and what composing its data and networks
    /// raises.
    static member Record(recipe: Recipe, catalog: IPluginCatalog, role: string) : string =
        let recipe = Preflight.WithWeights(recipe, role, WeightsSection.None)

        use composition =
            Composer(recipe, catalog, TimeProvider.System, null).ComposeNetworks()

        use _ = torch.NewDisposeScope()

        (NetworkRecord.ofNetwork composition role "given" Unchecked.defaultof<Evaluation>).ToJsonString()

    /// Evaluates a weight file in a role of a recipe. weights: the file, and how it is read. source: null for the test set where there is one, else the
    /// validation set. samples: at most so many, chosen as IStepContext.Evaluate does, 0 for all. warn: told of what is
    /// doubtful, such as weights whose record says that they were made for other inputs; null for nobody. Raises KDP0301
    /// for a role that the recipe does not fill, KDP0305 for an unknown source, KDP05xx for the weights.
    static member Evaluate
        (
            recipe: Recipe,
            catalog: IPluginCatalog,
            role: string,
            weights: WeightsSection,
            source: string,
            samples: int64,
            warn: Action<string>
        ) : Evaluation =
        let recipe = Preflight.WithWeights(recipe, role, weights)
        use composition = Composer(recipe, catalog, TimeProvider.System, null).Compose()

        if not (isNull warn) then
            NetworkRecord.warn composition warn.Invoke

        let source =
            match source with
            | null when composition.Run.Feeds.ContainsKey "test" -> "test"
            | null -> "validation"
            | named -> named

        use _ = torch.NewDisposeScope()
        Evaluator.evaluate composition.Run (Progress("", 0L, 0L, 1L)) role source samples
