namespace KdPlugins.Core

open System
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes

/// JSON Schema (draft 2020-12) of studies, so that editors complete and check them. What a recipe in a study may say, the schema of
/// recipes says.
[<AbstractClass; Sealed>]
type StudySchema private () =

    static let options =
        JsonSerializerOptions(
            WriteIndented = true,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping
        )

    static let typed (kind: string) =
        let schema = JsonObject()
        schema["type"] <- JsonValue.Create kind
        schema

    static let either (kinds: string list) =
        let schema = JsonObject()
        schema["anyOf"] <- JsonArray(kinds |> List.map (fun k -> typed k :> JsonNode) |> List.toArray)
        schema

    // A recipe is a name or itself; a parameter's value whatever a recipe takes.
    static let special (m: OptionMember) : JsonObject =
        match m.Key with
        | "recipe" -> either [ "string"; "object" ]
        | "default" -> either [ "string"; "number"; "boolean" ]
        | "set" ->
            let schema = typed "object"
            schema["additionalProperties"] <- JsonValue.Create true
            schema
        | _ -> null

    /// The schema, for a file that studies name by "$schema".
    static member Make() : string =
        let root = JsonObject()
        root["$schema"] <- JsonValue.Create "https://json-schema.org/draft/2020-12/schema"
        root["title"] <- JsonValue.Create "A KdPlugins study"
        let schema = SchemaTypes(SchemaTexts(), Func<_, _> special)

        for entry in schema.Object(typeof<StudyDraft>, null, 0) |> Seq.toArray do
            root[entry.Key] <- entry.Value.DeepClone()

        root.ToJsonString options
