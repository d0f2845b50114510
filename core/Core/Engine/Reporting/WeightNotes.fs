/// How weight files were read, where that was not as they are: for people, and for provenance.json.
module internal KdPlugins.Core.WeightNotes

open System
open System.Collections.Generic
open System.Text.Json.Nodes
open KdPlugins.Torch
open KdPlugins.Torch.Weights

let private mostNames = 10

// Names of a file somebody else made.
let private quote (name: string) =
    let cut = if name.Length > 120 then name[..119] + "..." else name
    $"'{SafeText.Line cut}'"

let private names (all: IReadOnlyList<string>) =
    let first = String.Join(", ", all |> Seq.truncate mostNames |> Seq.map quote)

    if all.Count > mostNames then
        $"{first} and {all.Count - mostNames} more"
    else
        first

let private way (report: LoadReport) =
    [
        if report.Part <> "" then
            $"from its part {quote report.Part}"

        if report.Cut <> "" then
            $"without the beginning {quote report.Cut}"
    ]

// What was asked for by the recipe needs no telling; what was found without being asked does.
let private wrapping (loaded: LoadedWeights) =
    let report = loaded.Report
    let asked = not (String.IsNullOrEmpty loaded.Section.Prefix)

    match way report with
    | [] -> []
    | _ when asked && report.OtherParts.Count = 0 -> []
    | found ->
        let how = String.Join(", ", found)

        let others =
            if report.OtherParts.Count > 0 then
                $" The file holds {names report.OtherParts} too: \"prefix\" takes another."
            else
                ""

        [ $"its names were taken {how}.{others}" ]

let private head (loaded: LoadedWeights) =
    let report = loaded.Report

    if report.Replaced.Count > 0 then
        let file =
            if report.FileClasses > 0L then
                $"the file's has {report.FileClasses} classes"
            else
                "the file has none"

        [
            $"its head is new, as without weights ({names report.Replaced}): {file}. All else was loaded."
        ]
    elif loaded.Section.Head = WeightsSection.Replace then
        [
            "\"head\": \"replace\" replaced nothing: the file's head has as many classes, and was loaded."
        ]
    else
        []

let private rest (report: LoadReport) =
    [
        if report.Missing.Count > 0 then
            $"the file lacks {report.Missing.Count} tensors, which are as without weights: {names report.Missing}."

        if report.Mismatched.Count > 0 then
            let all = report.Mismatched |> Seq.map _.Name |> Seq.toArray
            $"{all.Length} tensors have another shape in the file and are as without weights: {names all}."

        if report.Unexpected.Count > 0 then
            $"{report.Unexpected.Count} tensors of the file are left over: {names report.Unexpected}."

        if report.Counters.Count > 0 then
            $"the file has no num_batches_tracked for {report.Counters.Count} batch norms, as those of old PyTorch; nothing depends on them."
    ]

/// Whole sentences; none where everything is as it was saved.
let sentences (loaded: LoadedWeights) : string list =
    List.concat [ wrapping loaded; head loaded; rest loaded.Report ]
    |> List.map (fun said -> $"The weights '{loaded.Path}' of role '{loaded.Role}': {said}")

/// Tells of every file that was not read just as it is.
let tell (all: seq<LoadedWeights>) (warn: string -> unit) = all |> Seq.collect sentences |> Seq.iter warn

let private texts (all: IReadOnlyList<string>) =
    JsonArray(
        all
        |> Seq.truncate mostNames
        |> Seq.map (fun t -> JsonValue.Create t :> JsonNode)
        |> Seq.toArray
    )

/// For provenance.json: the path, how its names were read, and the first ten names of what was not loaded.
let json (loaded: LoadedWeights) : JsonObject =
    let report = loaded.Report
    let node = JsonObject()

    let add (name: string) (all: IReadOnlyList<string>) =
        if all.Count > 0 then
            node[$"{name}_count"] <- JsonValue.Create all.Count
            node[name] <- texts all

    node["path"] <- JsonValue.Create loaded.Section.Path
    node["loaded_count"] <- JsonValue.Create report.Loaded.Count

    if report.Part <> "" then
        node["part"] <- JsonValue.Create report.Part

    if report.Cut <> "" then
        node["cut"] <- JsonValue.Create report.Cut

    add "other_parts" report.OtherParts
    add "new_head" report.Replaced
    add "missing" report.Missing
    add "other_shape" (report.Mismatched |> Seq.map _.Name |> Seq.toArray)
    add "left_over" report.Unexpected
    node
