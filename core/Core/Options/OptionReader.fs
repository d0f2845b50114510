namespace KdPlugins.Core

open System
open System.Collections
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open System.Reflection

/// Values of a document onto types, by plain reflection. Every failure goes to the sink; what a failed value leaves
/// behind is its default, so that the rest can still be checked.
/// keepsBroken: an object with failures comes back nevertheless, as far as it could be read, and null stands for an
/// element that could not; for documents whose parts are checked further before all failures are raised.
[<Sealed>]
type internal OptionReader(failures: FailureSink, keepsBroken: bool) =

    /// Types that hold themselves end here.
    let deepest = 24

    /// Keys of plugins' sections that are no options.
    let besideOptions =
        [ "id"; "weight"; "maximise"; "weights"; "freeze"; "like"; "split" ]

    let nullability = NullabilityInfoContext()

    let fail code path found expected suggestion : obj voption =
        failures.Add(code, path, found, expected, suggestion)
        ValueNone

    let wrong path (node: JsonTree) expected = fail RecipeErrors.WrongType path $"found {node.Describe()}" expected ""

    let outside path (node: JsonTree) expected =
        fail RecipeErrors.OutOfBounds path $"found {node.Describe()}" expected ""

    let whole path (node: JsonTree) (t: Type) least most =
        let expected = $"a whole number from {least} to {most}"

        match node.Kind with
        | JsonKind.Number ->
            match OptionNumbers.tryWhole node.Text with
            | ValueNone -> wrong path node "a whole number"
            | ValueSome value when value < least || value > most -> outside path node expected
            | ValueSome value -> ValueSome(Convert.ChangeType(value, t))
        | _ -> wrong path node "a whole number"

    let real path (node: JsonTree) (isSingle: bool) =
        match node.Kind with
        | JsonKind.Number ->
            match OptionNumbers.tryReal node.Text with
            | ValueSome value when not isSingle -> ValueSome(box value)
            | ValueSome value when Single.IsFinite(float32 value) -> ValueSome(box (float32 value))
            | _ -> outside path node "a finite number"
        | _ -> wrong path node "a number"

    let enumeration path (node: JsonTree) (t: Type) =
        let names = EnumNames.all t
        let known = String.Join(", ", names)

        match node.Kind with
        | JsonKind.Text ->
            match EnumNames.tryParse t node.Text with
            | null ->
                fail
                    RecipeErrors.OutOfBounds
                    path
                    $"found {node.Describe()}"
                    $"one of {known}"
                    (Nearest.Ask(node.Text, names))
            | value -> ValueSome value
        | _ -> wrong path node $"one of {known}"

    // The objects that are being read, the innermost first.
    let outer = Stack<struct (JsonPath * OptionsShape)>()

    let has (shape: OptionsShape) (key: string) = shape.Members |> Array.exists (fun m -> m.Key = key)

    let isTree (m: OptionMember) = ValueKinds.of' m.Type = ValueKind.Tree

    // Where a key may have been meant to stand: a level further down, or further up.
    let elsewhere (path: JsonPath) (shape: OptionsShape) (name: string) : string =
        let within =
            shape.Members
            |> Array.tryFind (fun m ->
                ValueKinds.of' m.Type = ValueKind.Nested
                && (OptionsShapes.tryOf m.Type |> Option.exists (fun inner -> has inner name)))

        let around = outer |> Seq.tryFind (fun (struct (_, other)) -> has other name)

        match within, around with
        | Some m, _ -> $"'{name}' belongs into '{JsonPaths.text (Key m.Key :: path)}'."
        | _, Some(struct ([], _)) -> $"'{name}' belongs to the recipe itself."
        | _, Some(struct (place, _)) -> $"'{name}' belongs into '{JsonPaths.text place}'."
        | _ when shape.Members |> Array.exists (fun m -> m.Key = "options" && isTree m) ->
            let place = JsonPaths.text (Key "options" :: path)
            $"An option of the plugin belongs into '{place}'."
        | _ when List.tryHead path = Some(Key "options") && List.contains name besideOptions ->
            $"'{name}' stands beside \"options\"."
        | _ -> ""

    let isLost (element: Type) (value: obj voption) = value.IsNone && not (keepsBroken && not element.IsValueType)

    let orNull (value: obj voption) = ValueOption.defaultValue null value

    let reason (e: exn) =
        match e with
        | :? TargetInvocationException as t when not (isNull t.InnerException) -> t.InnerException.Message
        | other -> other.Message

    member private this.Sequence(path: JsonPath, element: Type, asList: bool, node: JsonTree) =
        if node.Kind <> JsonKind.Array then
            wrong path node "an array"
        else
            let values =
                node.Items
                |> Array.mapi (fun i item -> this.Value(Item i :: path, element, null, item))

            if values |> Array.exists (isLost element) then
                ValueNone
            else
                let array = Array.CreateInstance(element, values.Length)
                values |> Array.iteri (fun i value -> array.SetValue(orNull value, i))

                if asList then
                    ValueSome(Activator.CreateInstance(typedefof<List<_>>.MakeGenericType element, array))
                else
                    ValueSome(box array)

    member private this.Map(path: JsonPath, element: Type, node: JsonTree) =
        if node.Kind <> JsonKind.Object then
            wrong path node "an object"
        else
            let map =
                Activator.CreateInstance(typedefof<Dictionary<_, _>>.MakeGenericType(typeof<string>, element))
                :?> IDictionary

            let values =
                node.Members
                |> Array.map (fun m -> m.Name, this.Value(Key m.Name :: path, element, null, m.Value))

            if values |> Array.exists (snd >> isLost element) then
                ValueNone
            else
                for name, value in values do
                    map[name] <- orNull value

                ValueSome(box map)

    /// A value of a type. fallback: what holds where an object leaves out keys; may be null.
    member this.Value(path: JsonPath, t: Type, fallback: obj, node: JsonTree) : obj voption =
        match ValueKinds.of' t with
        | ValueKind.Tree -> ValueSome(box node)
        | ValueKind.Nullable _ when node.Kind = JsonKind.Null -> ValueSome null
        | ValueKind.Nullable inner -> this.Value(path, inner, fallback, node)
        | ValueKind.Boolean when node.Kind = JsonKind.Boolean -> ValueSome(box (node.Text = "true"))
        | ValueKind.Boolean -> wrong path node "true or false"
        | ValueKind.Text when node.Kind = JsonKind.Text -> ValueSome(box node.Text)
        | ValueKind.Text -> wrong path node "a text"
        | ValueKind.Integer(least, most) -> whole path node t least most
        | ValueKind.Real -> real path node false
        | ValueKind.Single -> real path node true
        | ValueKind.Enumeration -> enumeration path node t
        | ValueKind.Sequence(element, asList) -> this.Sequence(path, element, asList, node)
        | ValueKind.Map element -> this.Map(path, element, node)
        | ValueKind.Nested -> this.Object(path, t, fallback, node)
        | ValueKind.Unsupported -> this.Unusable(path, t, "values of this type cannot be written in JSON")

    member private _.Unusable(path: JsonPath, t: Type, why: string) =
        fail RecipeErrors.OptionsType path $"the type {t.Name} of a plugin's options: {why}" "" ""

    /// An object. fallback: an instance whose values hold for the keys left out; null for the type's own defaults.
    member this.Object(path: JsonPath, t: Type, fallback: obj, node: JsonTree) : obj voption =
        let short =
            if node.Kind = JsonKind.Object then
                null
            else
                OptionsShapes.shortForm t

        if not (isNull short) then
            let whole = JsonTrees.object [| JsonMember(short, node.Place, node) |] node.Place
            this.Object(path, t, fallback, whole)
        elif node.Kind <> JsonKind.Object then
            wrong path node "an object"
        elif path.Length > deepest then
            this.Unusable(path, t, "it holds itself")
        else
            match OptionsShapes.tryOf t with
            | None ->
                this.Unusable(
                    path,
                    t,
                    "it has neither a public constructor without parameters nor one for its properties"
                )
            | Some shape ->
                try
                    let fallback =
                        if isNull fallback then
                            OptionsShapes.defaults shape
                        else
                            fallback

                    outer.Push(struct (path, shape))

                    try
                        this.Members(path, shape, fallback, node)
                    finally
                        outer.Pop() |> ignore
                with :? TargetInvocationException as e ->
                    fail RecipeErrors.Refused path (reason e) "" ""

    member private this.Members(path: JsonPath, shape: OptionsShape, fallback: obj, node: JsonTree) =
        let before = failures.Count
        this.UnknownKeys(path, shape, node)

        let values =
            shape.Members |> Array.map (fun m -> this.Member(path, m, fallback, node))

        // A value type's constructor parameter takes no null.
        let filled =
            Array.map2
                (fun (m: OptionMember) (value: obj voption) ->
                    match value with
                    | ValueSome v -> v
                    | ValueNone when not (isNull fallback) -> m.Property.GetValue fallback
                    | ValueNone when m.Type.IsValueType -> Activator.CreateInstance m.Type
                    | ValueNone -> null)
                shape.Members
                values

        // What may stand for the whole is named as the whole, however it is written.
        let short = OptionsShapes.shortForm shape.Type

        Array.iter2
            (fun (m: OptionMember) (value: obj) ->
                if m.IsPath then
                    let place = if m.Key = short then path else Key m.Key :: path

                    match value with
                    | :? IList as one when m.IsOneOrMany && one.Count = 1 -> this.Paths(place, one[0])
                    | _ -> this.Paths(place, value))
            shape.Members
            filled

        let instance = OptionsShapes.make shape filled

        Array.iter2
            (fun m (value: obj voption) ->
                if value.IsSome then
                    this.Check(path, m, instance, value.Value, node))
            shape.Members
            values

        if failures.Count = before then
            this.CheckWhole(path, instance)

        if keepsBroken || failures.Count = before then
            ValueSome instance
        else
            ValueNone

    member private this.Paths(path: JsonPath, value: obj) =
        match value with
        | :? string as text -> failures.AddPath(path, text)
        | :? IDictionary as map ->
            for key in map.Keys do
                this.Paths(Key(string key) :: path, map[key])
        | :? IEnumerable as items ->
            items
            |> Seq.cast<obj>
            |> Seq.iteri (fun i item -> this.Paths(Item i :: path, item))
        | _ -> ()

    member private _.UnknownKeys(path: JsonPath, shape: OptionsShape, node: JsonTree) =
        let known = shape.Members |> Array.map _.Key

        for m in node.Members do
            if not (Array.contains m.Name known) then
                let expected =
                    if known.Length = 0 then
                        "no keys here"
                    else
                        "one of " + String.Join(", ", known)

                let found = $"unknown key '{m.Name}'"

                let near =
                    if failures.IsFull then
                        ""
                    else
                        match elsewhere path shape m.Name with
                        | "" -> Nearest.Ask(m.Name, known)
                        | place ->
                            match Nearest.Ask(m.Name, known) with
                            | "" -> place
                            | ask when place.StartsWith("An option", StringComparison.Ordinal) -> ask
                            | _ -> place

                failures.AddAt(m.Place, RecipeErrors.UnknownKey, Key m.Name :: path, found, expected, near)

    member private this.Member(path: JsonPath, m: OptionMember, fallback: obj, node: JsonTree) : obj voption =
        let path = Key m.Key :: path

        let held =
            if isNull fallback then
                null
            else
                m.Property.GetValue fallback

        match node.Find m.Key with
        | null when not (isNull fallback) -> ValueSome held
        | null when not (isNull m.Parameter) && m.Parameter.HasDefaultValue -> ValueSome m.Parameter.DefaultValue
        | null when not m.Type.IsValueType || not (isNull (Nullable.GetUnderlyingType m.Type)) -> this.Absent m
        | null -> fail RecipeErrors.Missing path "missing" "a value" ""
        | given when given.Kind = JsonKind.Null && ValueKinds.of' m.Type <> ValueKind.Tree ->
            if OptionsShapes.mayBeNull nullability m held then
                ValueSome null
            else
                wrong path given "a value"
        | one when m.IsOneOrMany && one.Kind <> JsonKind.Array ->
            this.Value(path, m.Type, held, JsonTrees.array [| one |] one.Place)
        | given -> this.Value(path, m.Type, held, given)

    /// Nothing given and nothing to fall back on: the type's own default where it has one, else null.
    member private _.Absent(m: OptionMember) : obj voption =
        match ValueKinds.of' m.Type with
        | ValueKind.Nested ->
            match OptionsShapes.tryOf m.Type with
            | Some shape when not (isNull shape.Constructor) -> ValueSome(OptionsShapes.defaults shape)
            | _ -> ValueSome null
        | _ -> ValueSome null

    member private _.Check(path: JsonPath, m: OptionMember, instance: obj, value: obj, node: JsonTree) =
        let path = Key m.Key :: path
        let given = node.Find m.Key

        for check in OptionChecks.failures instance m.Property.Name m.Checks value do
            let expected = OptionChecks.describe check value

            match given with
            | null when isNull value || (check :? RequiredAttribute) ->
                failures.Add(RecipeErrors.Missing, path, "missing", expected, "")
            | null -> failures.Add(RecipeErrors.OutOfBounds, path, "the default is not allowed", expected, "")
            | node ->
                let text = if isNull value then "null" else node.Describe()

                let near =
                    if node.Kind = JsonKind.Text then
                        OptionChecks.ask m.Checks node.Text
                    else
                        ""

                failures.Add(RecipeErrors.OutOfBounds, path, $"found {text}", expected, near)

    member private _.CheckWhole(path: JsonPath, instance: obj) =
        let complaints =
            try
                OptionChecks.ofWhole instance
            with e ->
                [ struct ([], reason e) ]

        for struct (names, message) in complaints do
            match names with
            | [] -> failures.Add(RecipeErrors.OutOfBounds, path, message.TrimEnd '.', "", "")
            | _ ->
                for name in names do
                    failures.Add(RecipeErrors.OutOfBounds, Key name :: path, message.TrimEnd '.', "", "")
