namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Diagnostics
open System.Text.Json.Nodes
open TorchSharp
open KdPlugins.Torch.Optim
open KdPlugins.Torch.Weights

/// Where a run stands, between two steps.
[<Sealed>]
type internal Cursor() =

    /// The number of the phase.
    member val Phase = 0 with get, set

    /// The number of the stage in its phase.
    member val Stage = 0 with get, set

    /// Steps done in the stage.
    member val Step = 0L with get, set

    /// Steps done in the run.
    member val RunStep = 0L with get, set

    /// Seconds that the stage has taken, evaluations and checkpoints too, in earlier sittings too.
    member val StageSeconds = 0.0 with get, set

    /// The stages that were ended before their time, with what ended them.
    member val Ended: SortedDictionary<string, string> = SortedDictionary(StringComparer.Ordinal) with get

    /// Whether the stage becomes better; null where nobody asks.
    member val Stopping: ScoreWatch = Unchecked.defaultof<_> with get, set

    /// Seconds spent in steps, in earlier sittings too.
    member val Seconds = 0.0 with get, set

    /// Seconds that steps waited for data.
    member val WaitSeconds = 0.0 with get, set

    /// Samples that went through steps.
    member val Samples = 0L with get, set

    /// The largest working set of any sitting so far, in bytes.
    member val PeakMemory = 0L with get, set

    /// Takes this process's largest working set into account.
    member this.NotePeakMemory() =
        use me = Process.GetCurrentProcess()
        this.PeakMemory <- max this.PeakMemory me.PeakWorkingSet64

/// A run's state as a checkpoint holds it, and back.
module internal Snapshot =

    // A section is a file: what separates names is a dot.
    let private section (kind: string) (names: string) = $"{kind}.{names.Replace('/', '.')}"

    let private moduleSection (m: string) = section "module" m

    /// The section of a role's network.
    let networkSection (role: string) = moduleSection $"role/{role}"

    let private averageSection (role: string) = section "ema" $"role/{role}"

    let private bestAverageSection (role: string) = section "ema-best" $"role/{role}"

    let private optimiserSection (phase: Phase) (trainable: string) = section "optimiser" $"{phase.Name}/{trainable}"

    let private bestSection (best: string) (m: string) = section "best" $"{best}/{m}"

    /// Whether a section holds the tensors of another, a module's, as they are or as they were at their best.
    let isOfModule (m: string) (section: string) =
        section = m
        || ((section.StartsWith("best.", StringComparison.Ordinal)
             || section.StartsWith("ema.", StringComparison.Ordinal)
             || section.StartsWith("ema-best.", StringComparison.Ordinal))
            && section.EndsWith(m.Substring(m.IndexOf '.' + 1), StringComparison.Ordinal))

    /// Modules and what strategies registered.
    let addModules (composition: Composition) (content: CheckpointContent) =
        for entry in composition.Run.Modules do
            content.Sections[moduleSection entry.Key] <- ModuleWeights.State entry.Value

        composition.Registry.Export content

    /// Everything that the next step depends on. What it gathers is valid until the run goes on.
    let take (composition: Composition) (cursor: Cursor) (bests: Bests) (stageEnd: bool) : CheckpointContent =
        let run = composition.Run
        let phase = composition.Phases[min cursor.Phase (composition.Phases.Count - 1)]
        let stage = phase.Stages[min cursor.Stage (phase.Stages.Count - 1)]
        let index = composition.Phases |> Seq.take cursor.Phase |> Seq.sumBy _.Stages.Count

        let position =
            RunPosition(phase.StageName stage, index + cursor.Stage, cursor.Step, cursor.RunStep, "steps")

        let content = CheckpointContent(position, IsStageEnd = stageEnd)
        addModules composition content

        for entry in phase.Optimisers.All do
            let struct (_, optimiser) = entry.Value
            content.Sections[optimiserSection phase entry.Key] <- optimiser.ExportState().Tensors

        let scores = JsonObject()

        for best in bests.All.Values do
            scores[best.Name] <-
                JsonObject(
                    dict
                        [
                            "score", JsonValue.Create best.Score :> JsonNode
                            "epoch", JsonValue.Create best.Epoch :> JsonNode
                        ]
                )

            for m in best.Modules do
                content.Sections[bestSection best.Name m.Key] <- m.Value

        let averages = JsonObject()

        for entry in run.Averages.All do
            let average = entry.Value
            let facts = JsonObject()
            facts["stage"] <- JsonValue.Create average.Stage
            facts["updates"] <- JsonValue.Create average.Updates
            content.Sections[averageSection entry.Key] <- average.Tensors

            if not (isNull average.Best) then
                facts["score"] <- JsonValue.Create average.BestScore
                facts["epoch"] <- JsonValue.Create average.BestEpoch
                content.Sections[bestAverageSection entry.Key] <- average.Best

            averages[entry.Key] <- facts

        let ended = JsonObject()

        for entry in cursor.Ended do
            ended[entry.Key] <- JsonValue.Create entry.Value

        for entry in run.Cursors do
            content.Counters[$"source/{entry.Key}"] <- entry.Value

        content.Counters["phase"] <- int64 cursor.Phase
        content.Counters["stage"] <- int64 cursor.Stage
        content.Counters["step"] <- cursor.Step
        content.Counters["run-step"] <- cursor.RunStep
        content.Counters["samples"] <- cursor.Samples
        content.Facts["best"] <- scores
        content.Facts["averages"] <- averages
        content.Facts["ended"] <- ended
        content.Facts["stage-seconds"] <- JsonValue.Create cursor.StageSeconds

        content.Facts["plateau"] <- phase.Plateau.Save()

        if not (isNull (box cursor.Stopping)) then
            content.Facts["stopping"] <- cursor.Stopping.Save()

        content.Facts["seconds"] <- JsonValue.Create cursor.Seconds
        content.Facts["peak-memory"] <- JsonValue.Create cursor.PeakMemory
        content.Facts["wait-seconds"] <- JsonValue.Create cursor.WaitSeconds
        content

    let private loadModules (composition: Composition) (saved: LoadedCheckpoint) =
        for entry in composition.Run.Modules do
            ModuleWeights.Load(entry.Value, saved.Section(moduleSection entry.Key))
            |> ignore

    let private loadOptimisers (composition: Composition) (cursor: Cursor) (saved: LoadedCheckpoint) =
        let phase = composition.Phases[cursor.Phase]

        for trainable in phase.Stages |> Seq.collect _.Trainables |> Seq.distinctBy _.Name do
            let section = optimiserSection phase trainable.Name

            if Seq.contains section saved.Sections then
                use state = NamedState.FromTensors((saved.Section section).ToTensors())
                (phase.Optimisers.Of trainable).ImportState state

    let private tensorsOf (run: LiveRun) (saved: LoadedCheckpoint) (section: string) =
        let tensors = (saved.Section section).ToTensors run.Device

        for tensor in tensors.Values do
            tensor.DetachFromDisposeScope() |> ignore

        tensors :> IReadOnlyDictionary<string, Tensor>

    let private loadAverages (run: LiveRun) (saved: LoadedCheckpoint) =
        for entry in saved.Facts["averages"].AsObject() do
            let facts = entry.Value

            let average =
                new WeightAverage(
                    facts["stage"].GetValue<string>(),
                    tensorsOf run saved (averageSection entry.Key),
                    Updates = facts["updates"].GetValue<int64>()
                )

            if not (isNull facts["score"]) then
                average.Best <- tensorsOf run saved (bestAverageSection entry.Key)
                average.BestScore <- facts["score"].GetValue<float>()
                average.BestEpoch <- facts["epoch"].GetValue<int64>()

            run.Averages.Restore(entry.Key, average)

    let private loadBests (run: LiveRun) (saved: LoadedCheckpoint) (bests: Bests) =
        for entry in saved.Facts["best"].AsObject() do
            let modules = Dictionary<string, IReadOnlyDictionary<string, Tensor>>()

            for name in run.Modules.Keys do
                let section = bestSection entry.Key name

                if Seq.contains section saved.Sections then
                    modules[name] <- tensorsOf run saved section

            let score = entry.Value["score"].GetValue<float>()
            bests.Restore(BestState.Named(entry.Key, score, entry.Value["epoch"].GetValue<int64>(), modules))

    /// Puts the run where the checkpoint was taken.
    let put (composition: Composition) (saved: LoadedCheckpoint) (bests: Bests) : Cursor =
        use _ = torch.NewDisposeScope()
        let cursor = Cursor()
        cursor.Phase <- int (saved.Counter "phase")
        cursor.Stage <- int (saved.Counter "stage")
        cursor.Step <- saved.Counter "step"
        cursor.RunStep <- saved.Counter "run-step"
        cursor.Samples <- saved.Counter "samples"
        cursor.Seconds <- saved.Facts["seconds"].GetValue<float>()
        cursor.WaitSeconds <- saved.Facts["wait-seconds"].GetValue<float>()

        // Earlier releases did not write it.
        match saved.Facts["peak-memory"] with
        | null -> ()
        | peak -> cursor.PeakMemory <- peak.GetValue<int64>()

        match saved.Facts["ended"] with
        | null -> ()
        | ended ->
            cursor.StageSeconds <- saved.Facts["stage-seconds"].GetValue<float>()

            for entry in ended.AsObject() do
                cursor.Ended[entry.Key] <- entry.Value.GetValue<string>()

        match saved.Facts["stopping"] with
        | null -> ()
        | stopping ->
            let section = composition.Phases[cursor.Phase].Section.EarlyStopping

            if not section.IsNone then
                cursor.Stopping <- ScoreWatch section.Delta
                cursor.Stopping.Load stopping

        if not (isNull saved.Facts["averages"]) then
            loadAverages composition.Run saved

        loadModules composition saved
        composition.Registry.Import saved

        if cursor.Phase < composition.Phases.Count then
            composition.Phases[cursor.Phase].Plateau.Load saved.Facts["plateau"]
            loadOptimisers composition cursor saved

        loadBests composition.Run saved bests

        for name in saved.Counters.Keys do
            if name.StartsWith("source/", StringComparison.Ordinal) then
                composition.Run.Cursors[name.Substring 7] <- saved.Counters[name]

        cursor
