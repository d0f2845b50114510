namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes
open KdPlugins.Torch.Weights

/// A run's files of JSON.
module internal RunJson =

    // Read by people and programs, never put into a page as it is.
    let private options =
        JsonSerializerOptions(WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    /// Writes or replaces a file.
    let write (path: string) (content: JsonObject) =
        let text = content.ToJsonString options

        AtomicFile.Write(
            path,
            fun stream ->
                use writer = new StreamWriter(stream, leaveOpen = true)
                writer.Write text
        )
        |> ignore

    /// A number; NaN and infinities, which JSON does not have, as the texts that events use.
    let number (value: float) : JsonNode =
        if Double.IsFinite value then
            JsonValue.Create value
        else
            JsonValue.Create(value.ToString("R", CultureInfo.InvariantCulture))

    /// A number as above, whatever kind of number was put there.
    let real (node: JsonNode) =
        let text = node.ToJsonString().Trim('"')
        Double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)

    let whole (node: JsonNode) = Int64.Parse(node.ToJsonString(), CultureInfo.InvariantCulture)

    let texts (all: seq<string>) =
        JsonArray(all |> Seq.map (fun t -> JsonValue.Create t :> JsonNode) |> Seq.toArray)

    let numbers (all: seq<int64>) =
        JsonArray(all |> Seq.map (fun n -> JsonValue.Create n :> JsonNode) |> Seq.toArray)

    let map (all: IReadOnlyDictionary<string, string>) =
        let node = JsonObject()

        for entry in all do
            node[entry.Key] <- JsonValue.Create entry.Value

        node

/// What a run is made of, known before its first step: provenance.json, and a part of report.json.
module internal Provenance =

    let fileName = "provenance.json"

    let private data (composition: Composition) =
        let info = composition.Data.Info
        let node = JsonObject()
        node["input"] <- RunJson.numbers info.InputShape
        node["classes"] <- JsonValue.Create info.Classes
        node["class_names"] <- RunJson.texts info.ClassNames
        let counts = JsonObject()

        for feed in composition.Run.Feeds |> Seq.sortBy _.Key do
            counts[feed.Key] <- JsonValue.Create feed.Value.Source.Count

        node["samples"] <- counts
        node

    let private plugins (composition: Composition) =
        JsonArray(
            composition.Plugins
            |> Seq.map (fun plugin ->
                let node = JsonObject()
                node["kind"] <- JsonValue.Create(plugin.Kind.ToString().ToLowerInvariant())
                node["id"] <- JsonValue.Create plugin.Id
                node["version"] <- JsonValue.Create plugin.Version
                node["assembly"] <- JsonValue.Create plugin.Assembly
                node["paper"] <- JsonValue.Create plugin.Paper
                node["sha256"] <- JsonValue.Create plugin.Sha256
                node :> JsonNode)
            |> Seq.toArray
        )

    // What says most first; where sources have targets of several kinds, the one that results are reported on begins.
    let private measures (composition: Composition) : JsonArray =
        let run = composition.Run

        let values =
            [ SourceSection.Test; SourceSection.Validation ]
            |> Seq.filter run.Infos.ContainsKey
            |> Seq.map (fun name -> run.Meters.For run.Infos[name].Target)
            |> Seq.collect (fun panel -> panel.Values |> Seq.map (fun v -> v, v.Name = panel.Best))
            |> Seq.distinctBy (fun (v, _) -> v.Name)

        JsonArray(
            values
            |> Seq.map (fun (value, chooses) ->
                let node = JsonObject()
                node["name"] <- JsonValue.Create value.Name
                node["unit"] <- JsonValue.Create value.Unit
                node["higher_is_better"] <- JsonValue.Create value.HigherIsBetter
                node["chooses"] <- JsonValue.Create chooses
                node :> JsonNode)
            |> Seq.toArray
        )

    let private weights (composition: Composition) =
        let node = JsonObject()

        for loaded in composition.Run.Loaded do
            node[loaded.Role] <- WeightNotes.json loaded

        node

    let private hashes (identity: RunIdentity) =
        let node = JsonObject()
        node["recipe"] <- JsonValue.Create identity.Recipe
        node["plugins"] <- RunJson.map identity.Plugins
        node["networks"] <- RunJson.map identity.Networks
        node["data"] <- RunJson.map identity.Data
        node

    /// Name, method, seed, data, machine, plugins, hashes, and what the run was gone on with.
    let describe (composition: Composition) (changes: RunChange list) : JsonObject =
        let node = JsonObject()
        node["format"] <- JsonValue.Create "1.0"
        node["name"] <- JsonValue.Create composition.Recipe.Name
        node["method"] <- JsonValue.Create composition.Recipe.Strategy.Id
        node["seed"] <- JsonValue.Create composition.Seed
        node["result"] <- JsonValue.Create composition.Result
        node["data"] <- data composition
        node["device"] <- JsonValue.Create(string composition.Run.Device)
        node["precision"] <- JsonValue.Create composition.Recipe.Precision
        node["build"] <- JsonValue.Create composition.Identity.Build
        node["libtorch"] <- JsonValue.Create composition.Identity.LibTorch
        node["measures"] <- measures composition
        node["plugins"] <- plugins composition
        node["weights"] <- weights composition
        node["hashes"] <- hashes composition.Identity

        if not changes.IsEmpty then
            node["changes"] <-
                JsonArray(changes |> List.map (fun c -> RunChanges.describe c :> JsonNode) |> List.toArray)

        node

    /// Writes it into the run's folder.
    let write (composition: Composition) (changes: RunChange list) (folder: string) =
        RunJson.write (Path.Combine(folder, fileName)) (describe composition changes)
