/// Names and references in the text of a study.
module internal KdPlugins.Core.StudyText

open System
open System.Collections.Generic
open System.Text
open System.Text.RegularExpressions

/// ${name}; $${ is ${ itself.
let private reference = Regex(@"\$?\$\{([^}]*)\}")

/// The folder of a name: lower case, '-' for what is no letter, digit or point.
let folder (name: string) : string =
    let text = StringBuilder()

    for c in name.ToLowerInvariant() do
        if Char.IsAsciiLetterOrDigit c || (c = '.' && text.Length > 0) then
            text.Append c |> ignore
        elif text.Length > 0 && text[text.Length - 1] <> '-' then
            text.Append '-' |> ignore

    text.ToString().TrimEnd('-', '.')

/// The names that a text refers to.
let names (text: string) : string list =
    [
        for m in reference.Matches text do
            if not (m.Value.StartsWith("$$", StringComparison.Ordinal)) then
                m.Groups[1].Value
    ]

let private textOf (value: JsonTree) = value.Text

/// A text with the values of its names. A name that stands alone becomes the value itself, which may be a number.
let private filled (values: IReadOnlyDictionary<string, JsonTree>) (node: JsonTree) : JsonTree =
    let alone = reference.Match node.Text

    match values.TryGetValue alone.Groups[1].Value with
    | true, value when
        alone.Value = node.Text
        && not (alone.Value.StartsWith("$$", StringComparison.Ordinal))
        ->
        JsonTrees.scalar value.Kind value.Text node.Place
    | _ ->
        let replace (m: Match) =
            if m.Value.StartsWith("$$", StringComparison.Ordinal) then
                m.Value.Substring 1
            else
                match values.TryGetValue m.Groups[1].Value with
                | true, value -> textOf value
                | _ -> m.Value

        JsonTrees.scalar JsonKind.Text (reference.Replace(node.Text, MatchEvaluator replace)) node.Place

let rec private map (change: JsonTree -> JsonTree) (node: JsonTree) : JsonTree =
    match node.Kind with
    | JsonKind.Object ->
        let members =
            node.Members
            |> Array.map (fun m -> JsonMember(m.Name, m.Place, map change m.Value))

        JsonTrees.object members node.Place
    | JsonKind.Array -> JsonTrees.array (Array.map (map change) node.Items) node.Place
    | _ -> change node

/// A tree with the values of its names.
let substitute (values: IReadOnlyDictionary<string, JsonTree>) (tree: JsonTree) : JsonTree =
    map
        (fun node ->
            if node.Kind = JsonKind.Text then
                filled values node
            else
                node)
        tree

/// Every text in a tree.
let rec texts (node: JsonTree) : JsonTree seq =
    seq {
        match node.Kind with
        | JsonKind.Text -> node
        | JsonKind.Object ->
            for m in node.Members do
                yield! texts m.Value
        | JsonKind.Array ->
            for item in node.Items do
                yield! texts item
        | _ -> ()
    }

/// A tree whose places are told apart from those of the recipe that it goes into.
let rec relocate (origin: string) (node: JsonTree) : JsonTree =
    let place =
        {
            Line = 0
            Column = 0
            Origin =
                if node.Place.Line > 0 then
                    $"{origin}, line {node.Place.Line} of the study"
                else
                    origin
        }

    match node.Kind with
    | JsonKind.Object ->
        let members =
            node.Members
            |> Array.map (fun m -> JsonMember(m.Name, place, relocate origin m.Value))

        JsonTrees.object members place
    | JsonKind.Array -> JsonTrees.array (Array.map (relocate origin) node.Items) place
    | kind -> JsonTrees.scalar kind node.Text place

/// A number as it names a level.
let number (value: double) = value.ToString("R", Globalization.CultureInfo.InvariantCulture)
