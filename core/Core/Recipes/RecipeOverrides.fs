namespace KdPlugins.Core

open System
open System.Collections
open System.Collections.Generic
open System.Text
open System.Text.RegularExpressions

/// Values that take the place of those in a recipe's text: environment variables such as
/// KD_RECIPE__training__epochs=3 first, then settings such as training.epochs=3 or losses[1].weight=0.5, in order.
/// A value is JSON where it can be read as such, else a text. An index one past the end appends.
[<Sealed>]
type RecipeOverrides(settings: IEnumerable<string>, environment: IReadOnlyDictionary<string, string>) =

    /// path=value, in the order of application.
    member val Settings: IReadOnlyList<string> = Seq.toArray settings

    /// Variables by name; those that do not begin with KD_RECIPE__ are not looked at.
    member _.Environment = environment

    /// What the names of environment variables begin with.
    static member Prefix = "KD_RECIPE__"

    /// No overrides.
    static member None = RecipeOverrides([], Dictionary<string, string>())

    /// Settings, and the variables of this process.
    static member WithEnvironment(settings: IEnumerable<string>) =
        let found = Dictionary<string, string>()

        for entry in Environment.GetEnvironmentVariables() |> Seq.cast<DictionaryEntry> do
            if (string entry.Key).StartsWith(RecipeOverrides.Prefix, StringComparison.Ordinal) then
                found[string entry.Key] <- string entry.Value

        RecipeOverrides(settings, found)

/// Puts overrides into a tree.
module internal RecipeOverriding =

    let private segment = Regex(@"^([^\[\]]+)((?:\[[0-9]{1,6}\])*)$")

    /// Characters of a path. Before anything is taken apart: what follows works step by step, each within the other.
    let private longest = 1000

    /// A path is as deep as a document may be.
    let private deepest = JsonTreeReader.deepest

    /// As much of a text as a message needs.
    let private shown (text: string) =
        if text.Length <= 80 then
            text
        else
            text.Substring(0, 77) + "..."

    /// a.b[0].c as steps from the root.
    let private parsePath (text: string) : JsonStep list option =
        let parse (part: string) =
            let found = segment.Match part

            if found.Success then
                let indices =
                    found.Groups[2].Value.Split([| '['; ']' |], StringSplitOptions.RemoveEmptyEntries)

                Some(Key found.Groups[1].Value :: [ for i in indices -> Item(int i) ])
            else
                None

        let parts = text.Split '.' |> Array.map parse

        if parts |> Array.forall Option.isSome then
            Some(parts |> Array.toList |> List.collect _.Value)
        else
            None

    let private isIndex (part: string) = part.Length > 0 && part.Length < 7 && part |> Seq.forall Char.IsAsciiDigit

    /// a__b__0__c as steps, by what the tree has: a number is an index where there is an array, and names are those of
    /// the tree in whatever case.
    let private parseVariable (root: JsonTree) (name: string) : JsonStep list =
        let step (node: JsonTree) (part: string) =
            match node with
            | null -> Key part, null
            | array when array.Kind = JsonKind.Array && isIndex part ->
                let i = int part
                Item i, (if i < array.Items.Length then array.Items[i] else null)
            | other ->
                let same (m: JsonMember) = String.Equals(m.Name, part, StringComparison.OrdinalIgnoreCase)

                match other.Members |> Array.tryFind same with
                | Some m -> Key m.Name, m.Value
                | None -> Key part, null

        name.Split "__" |> Array.toList |> List.mapFold step root |> fst

    /// The tree with a value at a place; what the place lacks above it is made. Nothing where that is impossible.
    let rec private put (node: JsonTree) (steps: JsonStep list) (value: JsonTree) : JsonTree option =
        let isNothing = isNull node || node.Kind = JsonKind.Null

        match steps with
        | [] -> Some value
        | Key name :: rest when isNothing || node.Kind = JsonKind.Object ->
            let members = if isNothing then [||] else node.Members
            let old = members |> Array.tryFindBack (fun m -> m.Name = name)

            put (old |> Option.map _.Value |> Option.toObj) rest value
            |> Option.map (fun changed ->
                let others = members |> Array.filter (fun m -> m.Name <> name)
                let place = old |> Option.map _.Place |> Option.defaultValue value.Place
                let here = if isNothing then value.Place else node.Place
                JsonTrees.object (Array.append others [| JsonMember(name, place, changed) |]) here)
        | Item i :: rest when
            (isNothing && i = 0)
            || (not isNothing && node.Kind = JsonKind.Array && i <= node.Items.Length)
            ->
            let items = if isNothing then [||] else node.Items

            put (Array.tryItem i items |> Option.toObj) rest value
            |> Option.map (fun changed ->
                let all =
                    if i < items.Length then
                        Array.updateAt i changed items
                    else
                        Array.append items [| changed |]

                JsonTrees.array all (if isNothing then value.Place else node.Place))
        | _ -> None

    /// Keys of which only one may be given: setting one takes the others away.
    let private alternatives =
        [
            [ [ Key "seed" ]; [ Key "seeds" ] ]
            [
                [ Key "validation"; Key "fraction" ]
                [ Key "validation"; Key "count" ]
                [ Key "validation"; Key "split" ]
            ]
        ]

    let rec private remove (node: JsonTree) (steps: JsonStep list) : JsonTree =
        let change (m: JsonMember) =
            match steps with
            | [ Key name ] when m.Name = name -> None
            | Key name :: rest when m.Name = name -> Some(JsonMember(m.Name, m.Place, remove m.Value rest))
            | _ -> Some m

        let item i (value: JsonTree) =
            match steps with
            | [ Item at ] when at = i -> None
            | Item at :: rest when at = i -> Some(remove value rest)
            | _ -> Some value

        match node.Kind with
        | JsonKind.Object -> JsonTrees.object (Array.choose change node.Members) node.Place
        | JsonKind.Array ->
            let kept = node.Items |> Array.mapi item |> Array.choose id
            JsonTrees.array kept node.Place
        | _ -> node

    let rec private isThere (node: JsonTree) (steps: JsonStep list) =
        match steps with
        | _ when isNull node -> false
        | [] -> true
        | Key name :: rest -> isThere (node.Find name) rest
        | Item i :: rest -> isThere (Array.tryItem i node.Items |> Option.toObj) rest

    let private withoutRivals (root: JsonTree) (steps: JsonStep list) =
        alternatives
        |> List.filter (List.contains steps)
        |> List.collect (List.filter (fun other -> other <> steps))
        |> List.fold remove root

    /// The value as JSON, or else as text. What begins like an object or an array has to be one.
    let private parseValue (text: string) (origin: string) (failures: FailureSink) : JsonTree =
        let attempt = FailureSink null
        let tree = JsonTreeReader.read (Encoding.UTF8.GetBytes text) origin attempt
        let mustBeJson = text.TrimStart().StartsWith '{' || text.TrimStart().StartsWith '['

        if attempt.Count = 0 && not (isNull tree) then
            tree
        else
            if mustBeJson then
                failures.Take attempt

            JsonTrees.scalar
                JsonKind.Text
                text
                {
                    Line = 0
                    Column = 0
                    Origin = origin
                }

    let private refuse (failures: FailureSink) (root: JsonTree) (origin: string) steps why expected =
        let place =
            {
                Line = 0
                Column = 0
                Origin = origin
            }

        failures.AddAt(place, RecipeErrors.BadOverride, List.rev steps, why, expected, "")
        root

    let private tooLong failures root origin (path: string) =
        let expected = $"at most {longest}"
        refuse failures root origin [] $"a path of {path.Length} characters" expected

    let private apply (failures: FailureSink) (root: JsonTree) (origin: string) (steps: JsonStep list) (text: string) =
        let fail why = refuse failures root origin steps why "a place in the recipe"

        if List.isEmpty steps then
            fail "no path"
        elif steps.Length > deepest then
            refuse failures root origin [] $"a path of {steps.Length} steps" $"at most {deepest}"
        else
            let value = parseValue text origin failures

            match put (withoutRivals root steps) steps value with
            | Some changed when changed.Kind = root.Kind -> changed
            | _ -> fail "the path leads to no such place"

    let private applySetting failures root (setting: string) =
        let path, value =
            match setting.IndexOf '=' with
            | -1 -> setting, null
            | at -> setting.Substring(0, at).Trim(), setting.Substring(at + 1)

        let origin = $"--set {shown path}"

        if path.Length > longest then
            tooLong failures root origin path
        else
            match parsePath path with
            | Some steps when not (isNull value) -> apply failures root origin steps value
            | _ -> refuse failures root $"--set {shown setting}" [] "not an override" "path=value"

    /// The tree with a value at a path; null takes away what is there, and it has to be there.
    /// origin: who says so, for messages.
    let assign (failures: FailureSink) (root: JsonTree) (origin: string) (path: string) (value: JsonTree) : JsonTree =
        let here = $"{origin}, {shown path}"
        let fail why expected = refuse failures root here [] why expected

        if path.Length > longest then
            tooLong failures root here path
        else
            match parsePath path with
            | None -> fail "not a path" "such as losses[1].weight"
            | Some steps when steps.Length > deepest -> fail $"a path of {steps.Length} steps" $"at most {deepest}"
            | Some steps when value.Kind = JsonKind.Null ->
                if isThere root steps then
                    remove root steps
                else
                    fail "there is nothing that null could take away" "a place in the recipe"
            | Some steps ->
                match put (withoutRivals root steps) steps value with
                | Some changed when changed.Kind = root.Kind -> changed
                | _ -> fail "the path leads to no such place" "a place in the recipe"

    /// The tree with all overrides applied.
    let applyAll (overrides: RecipeOverrides) (failures: FailureSink) (root: JsonTree) : JsonTree =
        let variables =
            overrides.Environment
            |> Seq.filter (fun v -> v.Key.StartsWith(RecipeOverrides.Prefix, StringComparison.Ordinal))
            |> Seq.sortWith (fun a b -> String.CompareOrdinal(a.Key, b.Key))

        let withVariables =
            (root, variables)
            ||> Seq.fold (fun tree v ->
                let name = v.Key.Substring RecipeOverrides.Prefix.Length

                if name.Length > longest then
                    tooLong failures tree (shown v.Key) name
                else
                    apply failures tree v.Key (parseVariable tree name) v.Value)

        overrides.Settings |> Seq.fold (applySetting failures) withVariables
