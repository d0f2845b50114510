namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes
open KdPlugins.Torch

/// A value of a recipe that was changed.
type internal SettingChange =
    {
        /// Where, such as training.epochs.
        Path: string

        /// What it was, as JSON; null where it was not written.
        From: string

        /// What it is, as JSON; null where it is no longer written.
        To: string
    }

    override this.ToString() =
        let shown (value: string) = if isNull value then "nothing" else value
        $"{this.Path}: {shown this.From} -> {shown this.To}"

/// What a run was gone on with.
type internal RunChange =
    {
        Time: DateTimeOffset
        /// Steps of the run that were done by the checkpoint that it went on from.
        Step: int64
        Settings: IReadOnlyList<SettingChange>
        /// Identities of the recipes before and after: the run's own, and with several seeds that of each.
        Recipes: IReadOnlyList<struct (string * string)>
    }

/// changes.json of a run's folder: what it was gone on with, in order.
module internal RunChanges =

    let fileName = "changes.json"

    let private options =
        JsonSerializerOptions(WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    let private value (text: string) : JsonNode = if isNull text then null else JsonValue.Create text

    let private pair (from: string) (into: string) =
        let node = JsonObject()
        node["from"] <- value from
        node["to"] <- value into
        node

    /// Without the recipes' identities, as reports have it.
    let describe (change: RunChange) : JsonObject =
        let node = JsonObject()
        node["time"] <- JsonValue.Create(change.Time.ToString "O")
        node["step"] <- JsonValue.Create change.Step

        let setting (one: SettingChange) =
            let node = pair one.From one.To
            node.Insert(0, "path", JsonValue.Create one.Path)
            node :> JsonNode

        node["settings"] <- JsonArray(change.Settings |> Seq.map setting |> Seq.toArray)
        node

    let private write (change: RunChange) : JsonNode =
        let node = describe change

        let recipes =
            change.Recipes |> Seq.map (fun (struct (a, b)) -> pair a b :> JsonNode)

        node["recipes"] <- JsonArray(Seq.toArray recipes)
        node

    let private text (node: JsonNode) (key: string) =
        match node[key] with
        | null -> null
        | found -> found.GetValue<string>()

    let private parse (node: JsonNode) : RunChange =
        {
            Time = DateTimeOffset.Parse(text node "time", Globalization.CultureInfo.InvariantCulture)
            Step = node["step"].GetValue<int64>()
            Settings =
                [|
                    for one in node["settings"].AsArray() ->
                        {
                            Path = text one "path"
                            From = text one "from"
                            To = text one "to"
                        }
                |]
            Recipes =
                [|
                    for one in node["recipes"].AsArray() -> struct (text one "from", text one "to")
                |]
        }

    /// What is recorded in a folder, in order; empty where nothing is. Raises KDP0618.
    let read (folder: string) : RunChange list =
        let path = Path.Combine(folder, fileName)

        if not (File.Exists path) then
            []
        else
            let unreadable (e: exn) =
                KdException(RunErrors.ChangesUnreadable, $"'{path}' cannot be read: {e.Message.TrimEnd '.'}.", null, e)

            try
                let root = JsonNode.Parse(PlainFile.ReadText(path, 16 <<< 20))
                [ for node in root["changes"].AsArray() -> parse node ]
            with
            | :? JsonException
            | :? InvalidOperationException
            | :? ArgumentException
            | :? FormatException
            | :? NullReferenceException
            | :? IOException as e -> raise (unreadable e)

    /// Those by which a recipe became the one of an identity. A change that was written down by a process that died before it was
    /// made is none of them.
    let upTo (identity: string) (all: RunChange list) : RunChange list =
        let walk (change: RunChange) (struct (now: string, kept: RunChange list)) =
            match change.Recipes |> Seq.tryFind (fun (struct (_, after)) -> after = now) with
            | Some(struct (before, _)) -> struct (before, change :: kept)
            | None -> struct (now, kept)

        let struct (_, kept) = List.foldBack walk all (struct (identity, []))
        kept

    /// Whether the recipe of one identity became that of another by what is recorded.
    let leads (before: string) (now: string) (all: RunChange list) =
        let earlier (identity: string) (change: RunChange) =
            match change.Recipes |> Seq.tryFind (fun (struct (_, after)) -> after = identity) with
            | Some(struct (found, _)) -> found
            | None -> identity

        List.scanBack (fun c i -> earlier i c) all now |> List.contains before

    /// Records one behind the others. Raises KDP0603 to KDP0605.
    let append (folder: RunFolder) (change: RunChange) (before: RunChange list) =
        let root = JsonObject()
        root["format"] <- JsonValue.Create "1.0"
        root["changes"] <- JsonArray(before @ [ change ] |> List.map write |> List.toArray)
        folder.WriteFile(fileName, Encoding.UTF8.GetBytes(root.ToJsonString options))
