/// Options back to JSON, every value written out, by plain reflection.
module internal KdPlugins.Core.OptionWriter

open System
open System.Buffers
open System.Collections
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open KdPlugins.Torch

/// Two equal values are one text: members in the order of their declaration, names of maps by ordinal.
let rec write (json: Utf8JsonWriter) (t: Type) (value: obj) : unit =
    match ValueKinds.of' t, value with
    | _, null -> json.WriteNullValue()
    | ValueKind.Nullable inner, _ -> write json inner value
    | ValueKind.Boolean, _ -> json.WriteBooleanValue(value :?> bool)
    | ValueKind.Text, _ -> json.WriteStringValue(value :?> string)
    | ValueKind.Integer _, _ -> json.WriteNumberValue(Convert.ToDecimal value)
    | ValueKind.Real, _ -> finite json t value (fun () -> json.WriteNumberValue(value :?> double))
    | ValueKind.Single, _ -> finite json t value (fun () -> json.WriteNumberValue(value :?> float32))
    | ValueKind.Enumeration, _ -> json.WriteStringValue(EnumNames.text value)
    | ValueKind.Sequence(element, _), _ ->
        json.WriteStartArray()

        for item in value :?> IEnumerable do
            write json element item

        json.WriteEndArray()
    | ValueKind.Map element, _ -> writeMap json element (value :?> IEnumerable)
    | ValueKind.Nested, _ -> writeObject json t value
    | (ValueKind.Tree | ValueKind.Unsupported), _ ->
        raise (
            KdException(
                RecipeErrors.OptionsType,
                $"A plugin's options hold a {t.Name}, which cannot be written in JSON."
            )
        )

and private finite (_: Utf8JsonWriter) t (value: obj) (go: unit -> unit) =
    if Double.IsFinite(Convert.ToDouble value) then
        go ()
    else
        raise (KdException(RecipeErrors.OptionsType, $"A plugin's options hold {value} as a {t.Name} by default."))

and private writeMap json element (map: IEnumerable) =
    let entry (pair: obj) =
        let get (name: string) = pair.GetType().GetProperty(name).GetValue pair
        get "Key" :?> string, get "Value"

    json.WriteStartObject()

    for name, value in
        map
        |> Seq.cast<obj>
        |> Seq.map entry
        |> Seq.sortWith (fun (a, _) (b, _) -> String.CompareOrdinal(a, b)) do
        json.WritePropertyName name
        write json element value

    json.WriteEndObject()

and private writeObject json t (value: obj) =
    match OptionsShapes.tryOf t with
    | None ->
        raise (KdException(RecipeErrors.OptionsType, $"A plugin's options hold a {t.Name}, which cannot be made."))
    | Some shape ->
        json.WriteStartObject()

        for m in shape.Members do
            json.WritePropertyName m.Key
            writeMember json m (m.Property.GetValue value)

        json.WriteEndObject()

/// One of many is written alone: what a list takes besides is no change of what a recipe says.
and writeMember (json: Utf8JsonWriter) (m: OptionMember) (value: obj) : unit =
    match ValueKinds.of' m.Type, value with
    | ValueKind.Sequence(element, _), (:? IEnumerable as items) when m.IsOneOrMany ->
        match Seq.cast<obj> items |> Seq.truncate 2 |> Seq.toList with
        | [ one ] -> write json element one
        | _ -> write json m.Type value
    | _ -> write json m.Type value

/// The text that writing makes.
let text (indented: bool) (go: Utf8JsonWriter -> unit) : string =
    let buffer = ArrayBufferWriter<byte>()

    let options =
        JsonWriterOptions(Indented = indented, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    using (new Utf8JsonWriter(buffer, options)) (fun json ->
        go json
        json.Flush())

    Encoding.UTF8.GetString buffer.WrittenSpan
