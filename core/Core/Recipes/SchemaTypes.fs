namespace KdPlugins.Core

open System
open System.Collections
open System.ComponentModel.DataAnnotations
open System.Globalization
open System.Reflection
open System.Text.Json.Nodes

/// JSON Schema of types of options.
/// special: gives the schema of members that are not what their type says, such as plugin sections; null for the others.
[<Sealed>]
type internal SchemaTypes(texts: SchemaTexts, special: Func<OptionMember, JsonObject>) =

    let nullability = NullabilityInfoContext()

    /// Types that hold themselves end here.
    let deepest = 12

    let typed (name: string) =
        JsonObject([ Collections.Generic.KeyValuePair("type", JsonValue.Create name :> JsonNode) ])

    let number (value: obj) : JsonNode =
        match value with
        | :? int as i -> JsonValue.Create i
        | :? double as d -> JsonValue.Create d
        | other -> JsonNode.Parse(Convert.ToString(other, CultureInfo.InvariantCulture))

    let literal (value: obj) : JsonNode =
        match value with
        | :? string as text -> JsonValue.Create text
        | other -> number other

    let range (schema: JsonObject) (check: RangeAttribute) =
        if check.Minimum :? int || check.Minimum :? double then
            schema[if check.MinimumIsExclusive then
                       "exclusiveMinimum"
                   else
                       "minimum"] <- number check.Minimum

            schema[if check.MaximumIsExclusive then
                       "exclusiveMaximum"
                   else
                       "maximum"] <- number check.Maximum

    let length (schema: JsonObject) (isText: bool) (least: int) (most: int) =
        if least > 0 then
            schema[if isText then "minLength" else "minItems"] <- number least

        if most >= 0 && most < Int32.MaxValue then
            schema[if isText then "maxLength" else "maxItems"] <- number most

    let check (schema: JsonObject) (t: Type) (rule: ValidationAttribute) =
        let isText = (t = typeof<string>)

        match rule with
        | :? RangeAttribute as r -> range schema r
        | :? MinLengthAttribute as l -> length schema isText l.Length -1
        | :? MaxLengthAttribute as l -> length schema isText 0 l.Length
        | :? LengthAttribute as l -> length schema isText l.MinimumLength l.MaximumLength
        | :? StringLengthAttribute as l -> length schema isText l.MinimumLength l.MaximumLength
        | :? RegularExpressionAttribute as r -> schema["pattern"] <- JsonValue.Create $"^(?:{r.Pattern})$"
        | :? ImageSizeAttribute as size ->
            let side = schema["items"]
            side["minimum"] <- JsonValue.Create size.Least
            side["maximum"] <- JsonValue.Create size.Most
            length schema false 1 2
        | :? AllowedValuesAttribute as a -> schema["enum"] <- JsonArray(a.Values |> Array.map literal)
        | _ -> ()

    /// null allowed besides.
    let orNull (schema: JsonObject) =
        match schema["type"], schema["enum"] with
        | null, _ ->
            let either = JsonObject()
            either["anyOf"] <- JsonArray(schema, typed "null")
            either
        | one, values ->
            schema["type"] <- JsonArray(one.DeepClone(), JsonValue.Create "null")

            if not (isNull values) then
                (values :?> JsonArray).Add(null: JsonNode)

            schema

    let defaultOf (m: OptionMember) (value: obj) : JsonNode =
        JsonNode.Parse(OptionWriter.text false (fun json -> OptionWriter.writeMember json m value))

    let isEmpty (value: obj) =
        match value with
        | :? string -> false
        | :? IEnumerable as items -> not (items.GetEnumerator().MoveNext())
        | _ -> false

    /// What Required takes for nothing.
    let isNothing (value: obj) =
        match value with
        | :? string as text -> String.IsNullOrWhiteSpace text
        | other -> isNull other

    /// The schema of a type. value: what holds where a document leaves its keys out; may be null.
    member this.Of(t: Type, value: obj, depth: int) : JsonObject =
        match ValueKinds.of' t with
        | ValueKind.Boolean -> typed "boolean"
        | ValueKind.Text -> typed "string"
        | ValueKind.Integer _ -> typed "integer"
        | ValueKind.Real
        | ValueKind.Single -> typed "number"
        | ValueKind.Nullable inner -> this.Of(inner, value, depth)
        | ValueKind.Enumeration ->
            let schema = typed "string"
            schema["enum"] <- JsonArray(EnumNames.all t |> Array.map (fun n -> JsonValue.Create n :> JsonNode))
            schema
        | ValueKind.Sequence(element, _) ->
            let schema = typed "array"
            schema["items"] <- this.Of(element, null, depth + 1)
            schema
        | ValueKind.Map element ->
            let schema = typed "object"
            schema["additionalProperties"] <- this.Of(element, null, depth + 1)
            schema
        | ValueKind.Nested when depth < deepest ->
            match OptionsShapes.shortForm t with
            | null -> this.Object(t, value, depth)
            | key ->
                let whole = this.Object(t, value, depth)
                let alone = (whole["properties"][key]).DeepClone()
                let either = JsonObject()
                either["anyOf"] <- JsonArray(alone, whole)
                either
        | _ -> typed "object"

    member private this.Member(m: OptionMember, held: obj, hasDefault: bool, depth: int) : JsonObject =
        let schema =
            match special.Invoke m with
            | null ->
                let plain = this.Of(m.Type, held, depth + 1)

                let t =
                    m.Type
                    |> Nullable.GetUnderlyingType
                    |> Option.ofObj
                    |> Option.defaultValue m.Type

                m.Checks |> Array.iter (check plain t)

                if m.IsOneOrMany then
                    let either = JsonObject()
                    let one = plain["items"].DeepClone()
                    either["anyOf"] <- JsonArray(one, plain)
                    either
                else
                    plain
            | given -> given

        let isRequired = m.Checks |> Array.exists (fun c -> c :? RequiredAttribute)

        let mayBeNull =
            ValueKinds.of' m.Type = ValueKind.Tree
            || OptionsShapes.mayBeNull nullability m held

        let schema =
            if mayBeNull && not isRequired then
                orNull schema
            else
                schema

        match texts.Of m.Property with
        | "" -> ()
        | text -> schema["description"] <- JsonValue.Create text

        let isPlain =
            ValueKinds.of' m.Type <> ValueKind.Tree
            && ValueKinds.of' m.Type <> ValueKind.Nested

        if
            hasDefault
            && isPlain
            && not (isRequired && isNothing held)
            && not (isNull held)
            && not (isEmpty held)
        then
            schema["default"] <- defaultOf m held

        schema

    /// The schema of an object's keys; others are refused.
    member this.Object(t: Type, value: obj, depth: int) : JsonObject =
        let schema = typed "object"

        match OptionsShapes.tryOf t with
        | None -> schema
        | Some shape ->
            let fallback = if isNull value then OptionsShapes.defaults shape else value
            let properties = JsonObject()
            let required = JsonArray()

            for m in shape.Members do
                let held =
                    if isNull fallback then
                        null
                    else
                        m.Property.GetValue fallback

                properties[m.Key] <- this.Member(m, held, not (isNull fallback), depth)
                let isAsked = m.Checks |> Array.exists (fun c -> c :? RequiredAttribute)

                let isBare =
                    isNull fallback
                    && m.Type.IsValueType
                    && isNull (Nullable.GetUnderlyingType m.Type)
                    && not (not (isNull m.Parameter) && m.Parameter.HasDefaultValue)

                if isBare || (isAsked && isNothing held) then
                    required.Add(JsonValue.Create m.Key)

            schema["properties"] <- properties

            if required.Count > 0 then
                schema["required"] <- required

            schema["additionalProperties"] <- JsonValue.Create false
            schema
