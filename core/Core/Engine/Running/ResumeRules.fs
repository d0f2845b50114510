/// What of a recipe may change while its run goes on.
module internal KdPlugins.Core.ResumeRules

open System
open System.Collections.Generic
open System.IO
open System.Text.Json.Nodes
open System.Text.RegularExpressions
open KdPlugins.Torch

/// A change that a run can go on with.
type Accepted =
    {
        Settings: IReadOnlyList<SettingChange>
        /// Whether it changes how long is trained, or what is evaluated when.
        TouchesTraining: bool
    }

let private json (node: JsonNode) : string = if isNull node then null else node.ToJsonString()

let rec private differences (path: string) (before: JsonNode) (after: JsonNode) : SettingChange list =
    let below key = if path = "" then key else $"{path}.{key}"

    match before, after with
    | (:? JsonObject as a), (:? JsonObject as b) ->
        Seq.append (a |> Seq.map _.Key) (b |> Seq.map _.Key)
        |> Seq.distinct
        |> Seq.toList
        |> List.collect (fun key -> differences (below key) a[key] b[key])
    | (:? JsonArray as a), (:? JsonArray as b) when a.Count = b.Count ->
        [
            for i in 0 .. a.Count - 1 do
                yield! differences $"{path}[{i}]" a[i] b[i]
        ]
    | _ when JsonNode.DeepEquals(before, after) -> []
    | _ ->
        [
            {
                Path = path
                From = json before
                To = json after
            }
        ]

// A recipe that says nothing of early stopping is written without the section.
let private withStopping (training: JsonNode) =
    let name = "earlyStopping"

    if isNull training[name] then
        training[name] <-
            OptionWriter.text false (fun json ->
                OptionWriter.write json typeof<EarlyStoppingSection> EarlyStoppingSection.Default)
            |> JsonNode.Parse

let private tree (recipe: Recipe) : JsonNode =
    let root = JsonNode.Parse(recipe.ToResolvedJson())
    withStopping root["training"]

    for phase in root["prepare"].AsArray() do
        withStopping phase["training"]

    root

/// What differs between two recipes, in the order of the format.
let changes (before: Recipe) (after: Recipe) : SettingChange list = differences "" (tree before) (tree after)

// The student as it is now, for a new run to begin with; empty where there is none yet.
let private weights (newest: CheckpointInfo) =
    if isNull newest then
        ""
    else
        match Directory.GetFiles(newest.Path, "*-module-role-student.safetensors") with
        | [| file |] -> $"; to begin with this one's student, add --set models.student.weights='{file}'"
        | _ -> ""

let private refuse (newest: CheckpointInfo) (change: SettingChange) (why: string) =
    let remedy =
        $"Leave it, or start a new run with it: kd run RECIPE --set {change.Path}=VALUE{weights newest}."

    raise (KdException(RunErrors.ChangeRefused, $"{change}: {why} Nothing was written.", remedy))

// Where things are written to and when, who computes: no number follows from it.
let private harmless =
    set
        [
            "name"
            "device"
            "checkpoints.everySteps"
            "checkpoints.everySeconds"
            "checkpoints.keep"
            "teacherCache.folder"
            "teacherCache.maxGigabytes"
            "teacherCache.store"
        ]

let private ofEvaluation = set [ "evaluation.everyEpochs"; "evaluation.batchSize" ]

let private length =
    Regex @"^(?:prepare\[([0-9]+)\]\.)?training\.(epochs|maxMinutes|earlyStopping\.patience)$"

// A file or folder may lie elsewhere; that it is the same one is seen by its content.
let private isPlace (before: Recipe) (after: Recipe) (change: SettingChange) =
    let covers (key: string) (other: string) = other = key || other.StartsWith(key + "[", StringComparison.Ordinal)

    let names (recipe: Recipe) =
        recipe.Paths
        |> Seq.exists (fun p -> covers p.Key change.Path || covers change.Path p.Key)

    not (isNull change.From)
    && not (isNull change.To)
    && names before
    && names after

let private isGrownSeeds (before: Recipe) (after: Recipe) (change: SettingChange) =
    change.Path = "seeds"
    && before.Seeds.Count > 1
    && after.Seeds.Count > before.Seeds.Count
    && Seq.forall2 (=) before.Seeds (Seq.truncate before.Seeds.Count after.Seeds)

let private whole (text: string) =
    if isNull text then
        0L
    else
        Int64.Parse(text, Globalization.CultureInfo.InvariantCulture)

// The phase that the newest checkpoint is in; the number of phases of "prepare" for the main one.
let private phaseOf (recipe: Recipe) (newest: CheckpointInfo) =
    let isIn (phase: PhaseSection) = newest.Position.Stage.StartsWith(phase.Name + "/", StringComparison.Ordinal)

    match recipe.Prepare |> Seq.tryFindIndex isIn with
    | Some index -> index
    | None -> recipe.Prepare.Count

let private requireLength (recipe: Recipe) (newest: CheckpointInfo) (change: SettingChange) =
    let found = length.Match change.Path
    let isMain = not found.Groups[1].Success

    if found.Groups[2].Value = "epochs" && whole change.To < whole change.From then
        refuse
            newest
            change
            "epochs that were planned may become more, and not fewer: the rate was on its way to their end."

    if not isMain && not (isNull newest) then
        let index = int found.Groups[1].Value

        if index < phaseOf recipe newest then
            refuse newest change $"phase '{recipe.Prepare[index].Name}' is over, so that it would change nothing."

let private isPlateau (recipe: Recipe) =
    let follows (section: TrainingSection) = section.Schedule.Name = "plateau"
    follows recipe.Training || recipe.Prepare |> Seq.exists (_.Training >> follows)

/// Judges a change of the recipe of the run in a folder. newest: the newest checkpoint; null where there is none.
/// Raises KDP0617 for what would make it another experiment. Reads nothing but the recipes.
let judge (before: Recipe) (after: Recipe) (newest: CheckpointInfo) : Accepted =
    let all = changes before after

    let touches (change: SettingChange) =
        let isLength = length.IsMatch change.Path

        if isLength || ofEvaluation.Contains change.Path then
            if before.Seeds.Count > 1 then
                refuse newest change "the seeds of a run are reported together and are trained alike."

            if isLength then
                requireLength before newest change

            if change.Path = "evaluation.everyEpochs" && isPlateau before then
                refuse newest change "the learning rate follows the evaluations (schedule plateau)."

            true
        elif
            harmless.Contains change.Path
            || isPlace before after change
            || isGrownSeeds before after change
        then
            false
        else
            refuse newest change "with it the run would be another experiment."

    {
        Settings = all
        TouchesTraining = all |> List.map touches |> List.exists id
    }
