namespace KdPlugins.Core

open System
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open KdPlugins.Torch

/// What was found of a run's layers, in its folder: layers.json. A run that goes on takes from it what computes.
module internal LayerRecord =

    let fileName = "layers.json"

    /// Writes it into a run's folder.
    let write (recipe: Recipe) (folder: string) (report: LayerReport) (traced: seq<TracedLayer>) =
        let node = report.ToJson()
        node["recipe"] <- JsonValue.Create(recipe.Identity())

        node["traced"] <-
            JsonArray(
                [|
                    for layer in traced ->
                        RunJson.texts [ layer.Root; layer.Name; layer.Type; layer.Shape.ToJson() ] :> JsonNode
                |]
            )

        RunJson.write (Path.Combine(folder, fileName)) node

    let private parse (folder: string) : JsonObject =
        try
            JsonNode.Parse(File.ReadAllText(Path.Combine(folder, fileName))).AsObject()
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? ArgumentException // a key twice
        | :? IOException
        | :? UnauthorizedAccessException -> null

    let private layer (node: JsonNode) =
        let text (i: int) = node[i].GetValue<string>()

        match LayerShape.Parse(text 3) with
        | null -> raise (JsonException "no shape")
        | shape -> TracedLayer(text 0, text 1, text 2, shape)

    /// What computed when the run began, and what did not; nothing where that is not known, or was with another recipe.
    let read (recipe: Recipe) (folder: string) : (TracedLayer[] * string[]) voption =
        match parse folder with
        | null -> ValueNone
        | node ->
            try
                if node["recipe"].GetValue<string>() <> recipe.Identity() then
                    ValueNone
                else
                    let unseen = node["unseen"].AsArray() |> Seq.map _.GetValue<string>()
                    ValueSome(node["traced"].AsArray() |> Seq.map layer |> Seq.toArray, Seq.toArray unseen)
            with
            | :? JsonException
            | :? InvalidOperationException
            | :? FormatException
            | :? ArgumentException
            | :? NullReferenceException -> ValueNone

    /// What a report says of it; null where nothing was looked at.
    let ofRun (folder: string) : JsonObject =
        match parse folder with
        | null -> null
        | node ->
            for key in [ "recipe"; "traced" ] do
                node.Remove key |> ignore

            node
