/// Sections of a recipe as JSON.
module internal KdPlugins.Core.RecipeText

open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Text.Json
open System.Text.Json.Nodes

let private texts = ConditionalWeakTable<obj, string>()

/// The text of what never changes, written once however many ask.
let once (thing: obj) (go: Utf8JsonWriter -> unit) : string =
    texts.GetValue(thing, (fun _ -> OptionWriter.text true go))

/// A value that plain reflection can write.
let field (json: Utf8JsonWriter) (name: string) (value: 'T) =
    json.WritePropertyName name
    OptionWriter.write json typeof<'T> (box value)

let private choice (json: Utf8JsonWriter) (chosen: PluginChoice) =
    json.WriteString("id", chosen.Id)
    json.WritePropertyName "options"
    json.WriteRawValue chosen.Options

let private whole (json: Utf8JsonWriter) (chosen: PluginChoice) =
    json.WriteStartObject()
    choice json chosen
    json.WriteEndObject()

let private list (json: Utf8JsonWriter) (name: string) (items: IReadOnlyList<'T>) (write: 'T -> unit) =
    json.WriteStartArray name
    Seq.iter write items
    json.WriteEndArray()

/// A plugin section.
let plugin (json: Utf8JsonWriter) (name: string) (chosen: PluginChoice) =
    json.WritePropertyName name
    whole json chosen

/// Named sections, each by a function that writes name and section.
let map (json: Utf8JsonWriter) (name: string) (items: IReadOnlyList<'T>) (write: Utf8JsonWriter -> 'T -> unit) =
    json.WriteStartObject name
    Seq.iter (write json) items
    json.WriteEndObject()

/// The one of the three that is given; nothing where a source serves.
let validation (json: Utf8JsonWriter) (section: ValidationSection) =
    if not section.IsOfSource then
        json.WriteStartObject "validation"

        if section.Fraction.HasValue then
            json.WriteNumber("fraction", section.Fraction.Value)
        elif section.Count.HasValue then
            json.WriteNumber("count", section.Count.Value)
        else
            json.WriteString("split", section.Split)

        // Only where it says something: other recipes have the identity that they always had.
        if section.Stratified then
            json.WriteBoolean("stratified", true)

        json.WriteEndObject()

let source (json: Utf8JsonWriter) (section: SourceSection) =
    json.WriteStartObject section.Name
    choice json section.Dataset
    json.WriteString("split", section.Split)
    json.WriteEndObject()

let model (json: Utf8JsonWriter) (section: ModelSection) =
    json.WriteStartObject section.Role
    choice json section.Model
    json.WritePropertyName "weights"

    // As the format has always had it where the path says all: such recipes keep their identity.
    match section.Weights with
    | _ when not section.HasWeights -> json.WriteNullValue()
    | plain when plain.IsPlain -> json.WriteStringValue plain.Path
    | weights -> OptionWriter.write json typeof<WeightsSection> weights

    if section.Freeze.Count > 0 then
        field json "freeze" section.Freeze

    json.WriteEndObject()

let augmentations (json: Utf8JsonWriter) (section: AugmentationSection) =
    list json section.Role section.Chain (whole json)

let generator (json: Utf8JsonWriter) (section: GeneratorSection) = plugin json section.Name section.Generator

let losses (json: Utf8JsonWriter) (terms: IReadOnlyList<LossChoice>) =
    list json "losses" terms (fun term ->
        json.WriteStartObject()
        json.WriteString("id", term.Loss.Id)
        json.WriteNumber("weight", term.Weight)

        // Only where it says something: the texts of other recipes, and with them their identities, stay.
        if term.Weight < 0.0 then
            json.WriteBoolean("maximise", true)

        json.WritePropertyName "options"
        json.WriteRawValue term.Loss.Options
        json.WriteEndObject())

/// What is said of meters is written only where something is: a recipe that says nothing has the identity it always had.
let evaluation (json: Utf8JsonWriter) (section: EvaluationSection) =
    json.WriteStartObject "evaluation"
    json.WriteNumber("everyEpochs", section.EveryEpochs)
    json.WriteNumber("batchSize", section.BatchSize)

    if section.Meters.Count > 0 then
        list json "meters" section.Meters (whole json)

    if not (isNull section.Best) then
        json.WriteString("best", section.Best)

    json.WriteEndObject()

// Keys that came later. They are written only where a recipe says something by them: others keep the identity that they
// always had.
let private later =
    set
        [
            "ema"
            "earlyStopping"
            "maxMinutes"
            "sampling"
            "decayNormsAndBiases"
            "layerDecay"
            "rates"
            "warmupSteps"
            "warmupEpochs"
            "stepEpochs"
            "patience"
        ]

/// A training section. main: that which it falls back on when it is read; for the main one the defaults.
let training (json: Utf8JsonWriter) (main: TrainingSection) (section: TrainingSection) =
    let tree (value: TrainingSection) =
        OptionWriter.text false (fun json -> OptionWriter.write json typeof<TrainingSection> value)
        |> JsonNode.Parse
        |> _.AsObject()

    let rec thin (node: JsonObject) (others: JsonObject list) =
        for entry in Seq.toArray node do
            match entry.Value with
            | value when
                later.Contains entry.Key
                && others |> List.forall (fun o -> JsonNode.DeepEquals(o[entry.Key], value))
                ->
                node.Remove entry.Key |> ignore
            | :? JsonObject as inner when not (later.Contains entry.Key) ->
                thin inner (others |> List.map (fun o -> o[entry.Key].AsObject()))
            | _ -> ()

    let written = tree section
    thin written [ tree TrainingSection.Default; tree main ]
    json.WritePropertyName "training"
    written.WriteTo json

let phases (json: Utf8JsonWriter) (main: TrainingSection) (all: IReadOnlyList<PhaseSection>) =
    list json "prepare" all (fun phase ->
        json.WriteStartObject()
        json.WriteString("name", phase.Name)
        json.WriteString("role", phase.Role)
        json.WriteBoolean("once", phase.Once)
        plugin json "strategy" phase.Strategy
        training json main phase.Training
        losses json phase.Losses
        json.WriteEndObject())
