namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text.Json.Nodes
open TorchSharp
open KdPlugins.Torch.Weights

/// What is known of a role when a run is done.
[<Sealed>]
type internal RoleResult
    (role: string, parameters: int64, last: Evaluation, best: Evaluation, bestEpoch: Nullable<int64>) =

    /// The role.
    member _.Role = role

    /// Its network's number of parameters.
    member _.Parameters = parameters

    /// Its last state on the reporting source.
    member _.Last = last

    /// The state that was best on the validation source, on the reporting source.
    member _.Best = best

    /// When that was reached; null where no state was chosen.
    member _.BestEpoch = bestEpoch

/// The end of a run: numbers on data that chose nothing, the networks as files, the report.
[<Sealed>]
type internal Finish
    (
        composition: Composition,
        folder: RunFolder,
        session: Session,
        finite: FiniteState,
        changes: RunChange list,
        clock: TimeProvider
    ) =
    let run = composition.Run

    let source =
        if run.Feeds.ContainsKey "test" then
            "test"
        else
            "validation"

    let reported =
        let evaluated =
            composition.Phases
            |> Seq.collect _.Stages
            |> Seq.collect _.Evaluates
            |> Seq.append [ composition.Result; Roles.Teacher ]

        evaluated |> Seq.distinct |> Seq.filter run.Roles.ContainsKey |> Seq.toArray

    let evaluate role =
        use _ = torch.NewDisposeScope()
        Evaluator.evaluate run (Progress("", 0L, 0L, 1L)) role source 0L

    // Puts a role's best state in place for as long as the action takes.
    let withBest (role: string) (action: BestState -> 'T) : 'T =
        let network = (run.Role role).Network.Module

        match session.Bests.OfRole role with
        | best when isNull (box best) -> action best
        | best -> ModuleCopies.during best.Modules[$"role/{role}"] network (fun () -> action best)

    let measure (role: string) =
        let parameters =
            (run.Role role).Network.Module.parameters() |> Seq.sumBy (fun p -> p.numel ())

        let last = evaluate role

        withBest role (fun best ->
            if isNull (box best) then
                RoleResult(role, parameters, last, last, Nullable())
            else
                RoleResult(role, parameters, last, evaluate role, Nullable best.Epoch))

    let card (role: string) (weights: string) (found: Evaluation) =
        let info = composition.Data.Info
        let record = NetworkRecord.ofNetwork composition role weights found

        let metadata = Dictionary<string, string>(NetworkRecord.metadata record)
        metadata["kd.role"] <- role
        metadata["kd.recipe"] <- composition.Recipe.Name
        metadata["kd.method"] <- composition.Recipe.Strategy.Id
        metadata["kd.weights"] <- weights
        metadata["kd.seed"] <- string composition.Seed
        metadata["kd.input"] <- String.Join("x", info.InputShape)
        metadata["kd.classes"] <- string info.Classes
        metadata["kd.class-names"] <- String.Join("\n", info.ClassNames)

        // What evaluations did to images, where these two say it.
        match record["normalisation"] with
        | :? JsonObject as n ->
            for name in [ "mean"; "std" ] do
                metadata[$"kd.{name}"] <- String.Join(",", n[name].AsArray() |> Seq.map _.ToJsonString())
        | _ -> ()

        metadata["kd.data"] <- composition.Data.Fingerprint

        for entry in composition.Identity.Networks do
            metadata[$"kd.network.{entry.Key}"] <- entry.Value

        metadata

    let pathOf (role: string) (suffix: string) = Path.Combine(folder.Path, $"{role}{suffix}.safetensors")

    let write (role: string) (suffix: string) (weights: string) (found: Evaluation) =
        finite.RequireNetwork role
        ModuleWeights.Save((run.Role role).Network.Module, pathOf role suffix, card role weights found)

    let saveLast (role: string) (found: Evaluation) = write role "-last" "last" found |> ignore

    let save (result: RoleResult) =
        saveLast result.Role result.Last

        withBest result.Role (fun best ->
            let which =
                if isNull (box best) then
                    "last"
                else
                    $"best on validation, epoch {best.Epoch}"

            write result.Role "" which result.Best)

    let pair (last: Measure) (best: Measure) =
        let node = JsonObject()
        node["last"] <- RunJson.number last.Number
        node["best"] <- RunJson.number best.Number
        node

    let describe (result: RoleResult) (written: WrittenFile) =
        let node = JsonObject()

        // One network and one source: both states give the same values.
        for last, best in
            Seq.zip result.Last.Measures result.Best.Measures
            |> Seq.sortBy (fun (m, _) -> m.Value.Name) do
            node[$"{source}_{last.Value.Name.Replace('-', '_')}"] <- pair last best

        node["parameters"] <- JsonValue.Create result.Parameters

        if result.BestEpoch.HasValue then
            node["best_epoch"] <- JsonValue.Create result.BestEpoch.Value

        node["sha256"] <- JsonValue.Create written.Sha256
        node["bytes"] <- JsonValue.Create written.Length

        DrawingJson.add node result.Best.Drawings
        node

    // The row and the files of a role's average: as it is at the end, and as it was at its best.
    let averageOf (role: string) (average: WeightAverage) : JsonObject =
        let network = (run.Role role).Network.Module
        let parameters = network.parameters () |> Seq.sumBy (fun p -> p.numel ())

        let state (tensors: IReadOnlyDictionary<string, Tensor>) (suffix: string) (which: string) =
            ModuleCopies.during tensors network (fun () ->
                let found = evaluate role
                found, write role suffix $"average of {average.Updates + 1L} steps, {which}" found)

        let last, _ = state average.Tensors "-ema-last" "last"

        if isNull average.Best then
            let _, copied = state average.Tensors "-ema" "last"
            describe (RoleResult(role, parameters, last, last, Nullable())) copied
        else
            let best, written =
                state average.Best "-ema" $"best on validation, epoch {average.BestEpoch}"

            describe (RoleResult(role, parameters, last, best, Nullable average.BestEpoch)) written

    let exportFiles () =
        for export in composition.Exports do
            let target = Path.Combine(folder.Path, "outputs", export.Name)
            Directory.CreateDirectory target |> ignore
            export.Write.Invoke target
            NetworkRecord.write composition target

    /// Evaluates, writes networks, outputs and report.json; gives the report.
    member _.Run() : JsonObject =
        let report = Provenance.describe composition changes
        let cursor = session.Cursor
        cursor.NotePeakMemory()

        for role in reported do
            let result = measure role
            report[role] <- describe result (save result)

            match run.Averages.OfRole role with
            | null -> ()
            | average -> report[Averages.NameOf role] <- averageOf role average

        // What a phase has made and no evaluation judges, such as a self-supervised network: other runs begin with it.
        for role in
            composition.Recipe.Prepare
            |> Seq.map _.Role
            |> Seq.distinct
            |> Seq.except reported do
            saveLast role Unchecked.defaultof<_>

            match run.Averages.OfRole role with
            | null -> ()
            | average ->
                ModuleCopies.during average.Tensors (run.Role role).Network.Module (fun () ->
                    write role "-ema-last" $"average of {average.Updates + 1L} steps, last" Unchecked.defaultof<_>)
                |> ignore

        exportFiles ()

        let perSecond (amount: float) =
            if cursor.Seconds > 0.0 then
                amount / cursor.Seconds
            else
                0.0

        match LayerRecord.ofRun folder.Path with
        | null -> ()
        | layers -> report["layers"] <- layers

        if cursor.Ended.Count > 0 then
            report["ended"] <- RunJson.map cursor.Ended

        report["steps"] <- JsonValue.Create cursor.RunStep
        report["samples"] <- JsonValue.Create cursor.Samples
        report["seconds"] <- JsonValue.Create(Math.Round(cursor.Seconds, 3))
        report["images_per_second"] <- JsonValue.Create(Math.Round(perSecond (float cursor.Samples), 1))
        report["data_wait_fraction"] <- JsonValue.Create(Math.Round(perSecond cursor.WaitSeconds, 5))
        report["peak_memory_bytes"] <- JsonValue.Create cursor.PeakMemory
        report["finished"] <- JsonValue.Create(clock.GetUtcNow().ToString("O"))
        RunJson.write (Path.Combine(folder.Path, "report.json")) report
        report
