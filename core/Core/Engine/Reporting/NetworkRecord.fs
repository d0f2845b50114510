namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// What an application has to know of an exported network: JSON in its file's metadata, and beside what methods export.
module internal NetworkRecord =

    /// Under which the metadata hold it.
    let key = "kd.record"

    /// The file beside a method's exports.
    let fileName = "record.json"

    let private format = "1.0"

    // One line of metadata, read by programs.
    let private compact =
        JsonSerializerOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    let private network (composition: Composition) (role: string) : JsonObject =
        match composition.Recipe.Model role with
        | section when isNull (box section) -> null
        | section ->
            let id = section.Model.Id

            let plugin =
                composition.Plugins
                |> Seq.find (fun p -> p.Kind = PluginKind.Model && p.Id = id)

            let node = JsonObject()
            node["id"] <- JsonValue.Create id
            node["version"] <- JsonValue.Create plugin.Version
            node["options"] <- JsonNode.Parse section.Model.Options
            node

    let private input (data: DataInfo) : JsonObject =
        let node = JsonObject()
        node["kind"] <- JsonValue.Create(data.Kind.ToString().ToLowerInvariant())
        node["shape"] <- RunJson.numbers data.InputShape

        if data.Kind = InputKind.Image then
            node["channels"] <- JsonValue.Create data.InputShape[0]
            node["height"] <- JsonValue.Create data.InputShape[1]
            node["width"] <- JsonValue.Create data.InputShape[2]
            node["range"] <- JsonArray(JsonValue.Create 0, JsonValue.Create 1)

            if data.Resize <> "" then
                node["resize"] <- JsonValue.Create data.Resize

        node

    let private origin (composition: Composition) : JsonObject =
        let node = JsonObject()
        node["recipe"] <- JsonValue.Create composition.Recipe.Name
        node["recipe_sha256"] <- JsonValue.Create composition.Identity.Recipe
        node["method"] <- JsonValue.Create composition.Recipe.Strategy.Id
        node["seed"] <- JsonValue.Create composition.Seed
        node["data"] <- JsonValue.Create composition.Data.Fingerprint
        node["build"] <- JsonValue.Create composition.Identity.Build
        node

    let private results (found: Evaluation) : JsonObject =
        if isNull (box found) then
            null
        else
            let values = JsonObject()

            for value in found.Values |> Seq.sortBy _.Key do
                values[value.Key] <- RunJson.number value.Value

            let node = JsonObject()
            node["source"] <- JsonValue.Create found.Source
            node["samples"] <- JsonValue.Create found.Samples
            node["values"] <- values
            node

    let private setUnlessNull (node: JsonObject) (name: string) (value: JsonObject) =
        if not (isNull value) then
            node[name] <- value

    let private common (composition: Composition) (role: string) (seen: Preprocessing) : JsonObject =
        let data = composition.Data.Info
        let node = JsonObject()
        node["format"] <- JsonValue.Create format
        node["role"] <- JsonValue.Create role
        node["input"] <- input data
        node["classes"] <- JsonValue.Create data.Classes
        node["class_names"] <- RunJson.texts data.ClassNames
        node["preprocessing"] <- Preprocessing.stepsJson seen.Steps
        setUnlessNull node "normalisation" (Preprocessing.normalisationJson seen.Normalisation)
        node["run"] <- origin composition
        node

    /// Of a role's network with the weights that it has. weights: which they are. found: their evaluation; null where
    /// there is none.
    let ofNetwork (composition: Composition) (role: string) (weights: string) (found: Evaluation) : JsonObject =
        let node =
            Preprocessing.ofRole composition.Recipe composition.Run role
            |> common composition role

        let shape = (composition.Run.Role role).Network.Shape
        node["weights"] <- JsonValue.Create weights
        setUnlessNull node "network" (network composition role)
        node["network_input"] <- RunJson.numbers shape.Input
        node["outputs"] <- JsonValue.Create shape.Classes
        setUnlessNull node "results" (results found)
        node

    /// Of what a method exports: how the role that is the result sees it.
    let write (composition: Composition) (folder: string) =
        Preprocessing.ofRole composition.Recipe composition.Run composition.Result
        |> common composition composition.Result
        |> RunJson.write (Path.Combine(folder, fileName))

    /// The metadata of a network's file.
    let metadata (record: JsonObject) : IReadOnlyDictionary<string, string> =
        let found = Dictionary<string, string>()
        found["format"] <- "pt"
        found[key] <- record.ToJsonString compact
        found

    /// That of a weight file; null where it has none that can be read.
    let private read (path: string) : JsonObject =
        if not (path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)) then
            null
        else
            use file = SafeTensorsFile.Open path

            match file.Metadata.TryGetValue key with
            | true, text ->
                try
                    match JsonNode.Parse text with
                    | :? JsonObject as record -> record
                    | _ -> null
                with :? JsonException ->
                    null
            | _ -> null

    let private floats (node: JsonNode) : float[] =
        match node with
        | :? JsonArray as values -> values |> Seq.map (fun v -> v.GetValue<float>()) |> Seq.toArray
        | _ -> [||]

    let private texts (node: JsonNode) : string[] =
        match node with
        | :? JsonArray as values -> values |> Seq.map (fun v -> v.GetValue<string>()) |> Seq.toArray
        | _ -> [||]

    let private near (a: float[]) (b: float[]) =
        a.Length = b.Length
        && Array.forall2 (fun (x: float) (y: float) -> abs (x - y) <= 1e-5 * max 1.0 (abs y)) a b

    /// What is done to images, for people; two that do the same have the same.
    let private described (record: JsonObject) =
        match record["normalisation"] with
        | :? JsonObject as n -> $"""(x - {n["mean"].ToJsonString compact}) / {n["std"].ToJsonString compact}"""
        | _ ->
            match record["preprocessing"] with
            | :? JsonArray as steps ->
                let step (node: JsonNode) =
                    $"""{node["id"].GetValue<string>()} {node["options"].ToJsonString compact}"""

                String.Join(", ", steps |> Seq.map step)
            | _ -> ""

    let private agree (was: JsonObject) (is: JsonObject) =
        match was["normalisation"], is["normalisation"] with
        | (:? JsonObject as a), (:? JsonObject as b) ->
            near (floats a["mean"]) (floats b["mean"])
            && near (floats a["std"]) (floats b["std"])
        | _ -> described was = described is

    let private complaints (composition: Composition) (section: ModelSection) (path: string) (was: JsonObject) =
        let role = section.Role

        // As text, as the other is: numbers compare as they were written.
        let is =
            Preprocessing.ofRole composition.Recipe composition.Run role
            |> common composition role
            |> _.ToJsonString(compact)
            |> JsonNode.Parse
            |> _.AsObject()

        let names, own = texts was["class_names"], texts is["class_names"]

        [
            if not (agree was is) then
                $"The weights '{path}' belong to a network that saw images as {described was}; role '{role}' of this recipe sees {described is}. Its answers mean little so: correct the recipe's augmentations."

            if names.Length > 0 && names.Length = own.Length && names <> own then
                let i = Seq.zip names own |> Seq.findIndex (fun (a, b) -> a <> b)

                $"The weights '{path}' of role '{role}' have their classes in another order: class {i} is '{names[i]}' there and '{own[i]}' in this data set."
        ]

    /// Tells what is doubtful about the data, how weights were read where that was not as they are, and of weights whose record says that they were made for other
    /// inputs than the recipe gives them.
    let warn (composition: Composition) (tell: string -> unit) =
        composition.Run.Infos.Values
        |> Seq.distinct
        |> Seq.collect _.Doubts
        |> Seq.iter tell

        WeightNotes.tell composition.Run.Loaded tell

        for section in composition.Recipe.Models do
            if section.HasWeights then
                let path = composition.Recipe.PathOf section.Weights.Path

                match read path with
                | null -> ()
                | record ->
                    try
                        complaints composition section path record |> List.iter tell
                    with
                    // A record of somebody else's making.
                    | :? InvalidOperationException
                    | :? FormatException
                    | :? ArgumentException
                    | :? NullReferenceException -> tell $"The record in '{path}' ({key}) cannot be read."
