namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Reflection
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes
open KdPlugins.Torch

/// Collects the definitions that the schema of recipes refers to.
[<Sealed>]
type private SchemaParts(catalog: IPluginCatalog) as this =
    let definitions = SortedDictionary<string, JsonObject>(StringComparer.Ordinal)
    let texts = SchemaTexts()
    let types = SchemaTypes(texts, Func<_, _>(fun m -> this.Special m))

    let reference (name: string) =
        let schema = JsonObject()
        schema["$ref"] <- JsonValue.Create("#/$defs/" + name)
        schema

    let define (name: string) (make: unit -> JsonObject) =
        if not (definitions.ContainsKey name) then
            // Entered first, so that a definition may refer to itself.
            definitions[name] <- null
            definitions[name] <- make ()

        reference name

    let text (value: string) = JsonValue.Create value :> JsonNode

    let kindName (kind: PluginKind) = kind.ToString().ToLowerInvariant()

    let ofKind kind = catalog.Plugins |> Seq.filter (fun p -> p.Kind = kind) |> Seq.toArray

    /// The options of one plugin. One whose type cannot be described takes any object.
    let options (plugin: PluginDescriptor) =
        define $"{kindName plugin.Kind}.{plugin.Id}" (fun () ->
            texts.Folder <- plugin.Folder

            try
                types.Of(plugin.OptionsType, null, 0)
            with
            | :? KdException
            | :? TargetInvocationException ->
                let schema = JsonObject()
                schema["type"] <- text "object"
                schema)

    /// If the id is this one, then the options are those.
    let choice (plugin: PluginDescriptor) : JsonNode =
        let condition = JsonObject()

        condition["properties"] <-
            JsonObject(
                [
                    KeyValuePair("id", JsonObject([ KeyValuePair("const", text plugin.Id) ]) :> JsonNode)
                ]
            )

        condition["required"] <- JsonArray(text "id")
        let either = JsonObject()
        either["anyOf"] <- JsonArray(options plugin, JsonObject([ KeyValuePair("type", text "null") ]))
        let consequence = JsonObject()
        consequence["properties"] <- JsonObject([ KeyValuePair("options", either :> JsonNode) ])
        let rule = JsonObject()
        rule["if"] <- condition
        rule["then"] <- consequence
        rule

    let section (draft: Type) (kind: PluginKind) =
        define
            (if draft = typeof<SourceDraft> then
                 "source"
             else
                 kindName kind)
            (fun () ->
                let plugins = ofKind kind
                let schema = types.Object(draft, null, 0)
                let id = schema["properties"]["id"] :?> JsonObject
                id["enum"] <- JsonArray(plugins |> Array.map (fun p -> text p.Id))
                id["enumDescriptions"] <- JsonArray(plugins |> Array.map (fun p -> text p.Description))

                if draft = typeof<ModelDraft> then
                    (id["enum"] :?> JsonArray).Add(null: JsonNode)

                if plugins.Length > 0 then
                    schema["allOf"] <- JsonArray(plugins |> Array.map choice)

                schema)

    /// Sections within arrays and maps.
    let rec around (t: Type) (kind: PluginKind) : JsonObject =
        match ValueKinds.of' t with
        | ValueKind.Sequence(element, _) ->
            let schema = JsonObject()
            schema["type"] <- text "array"
            schema["items"] <- around element kind
            schema
        | ValueKind.Map element ->
            let schema = JsonObject()
            schema["type"] <- text "object"
            schema["propertyNames"] <- JsonObject([ KeyValuePair("pattern", text $"^{Names.Kebab}$") ])
            schema["additionalProperties"] <- around element kind
            schema
        | _ -> section t kind

    member private _.Special(m: OptionMember) : JsonObject =
        match m.Property.GetCustomAttribute<OfKindAttribute>() with
        | null when
            m.Type = typeof<TrainingSection>
            || (m.Property.DeclaringType = typeof<PhaseDraft> && m.Key = "training")
            ->
            define "training" (fun () -> types.Object(typeof<TrainingSection>, null, 0))
        | null when m.Property.DeclaringType = typeof<ModelDraft> && m.Key = "freeze" ->
            let one = types.Of(typeof<string>, null, 0)
            let several = types.Of(typeof<IReadOnlyList<string>>, null, 0)
            JsonObject([ KeyValuePair("anyOf", JsonArray(one, several) :> JsonNode) ])
        | null -> null
        | found -> around m.Type found.Kind

    member _.Options(plugin: PluginDescriptor) : JsonObject =
        options plugin |> ignore
        definitions[$"{kindName plugin.Kind}.{plugin.Id}"]

    member _.Make() : JsonObject =
        let root = JsonObject()
        root["$schema"] <- text "https://json-schema.org/draft/2020-12/schema"
        root["title"] <- text "A KdPlugins recipe"

        for entry in types.Object(typeof<RecipeDraft>, null, 0) |> Seq.toArray do
            root[entry.Key] <- entry.Value.DeepClone()

        let all = JsonObject()

        for entry in definitions do
            all[entry.Key] <- entry.Value

        root["$defs"] <- all
        root

/// JSON Schema (draft 2020-12) of recipes, made from the options of the plugins that are there, so that editors complete
/// and check them. What the reader takes, the schema takes; rules that span several values are the reader's alone.
[<AbstractClass; Sealed>]
type RecipeSchema private () =

    static let options =
        JsonSerializerOptions(
            WriteIndented = true,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping
        )

    /// The schema, for a file that recipes name by "$schema".
    static member Make(catalog: IPluginCatalog) : string = SchemaParts(catalog).Make().ToJsonString options

    /// The schema of one plugin's options.
    static member Options(plugin: PluginDescriptor) : string =
        SchemaParts(Unchecked.defaultof<_>).Options(plugin).ToJsonString options
