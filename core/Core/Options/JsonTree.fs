namespace KdPlugins.Core

open System

/// What a JSON value is.
type internal JsonKind =
    | Null = 0
    | Boolean = 1
    | Number = 2
    | Text = 3
    | Array = 4
    | Object = 5

/// Where a value was written. Line and column count from 1; 0 where the value came from elsewhere than the text.
/// Origin: what else it came from, such as an override; null for the text.
[<Struct>]
type internal JsonPlace =
    {
        Line: int
        Column: int
        Origin: string
    }

/// A JSON value that knows where it was written. The serializer's own document does not.
[<Sealed; AllowNullLiteral>]
type internal JsonTree(kind: JsonKind, text: string, items: JsonTree[], members: JsonMember[], place: JsonPlace) =

    member _.Kind = kind

    /// A text's content; the digits of a number as they were written; true or false.
    member _.Text = text

    member _.Items = items

    /// In the order of the text; the last of equal names counts.
    member _.Members = members

    member _.Place = place

    member _.Find(name: string) =
        members
        |> Array.tryFindBack (fun m -> m.Name = name)
        |> Option.map _.Value
        |> Option.toObj

    /// The value in words, shortened.
    member _.Describe() =
        let shorten (s: string) = if s.Length <= 60 then s else s.Substring(0, 57) + "..."

        match kind with
        | JsonKind.Null -> "null"
        | JsonKind.Text -> $"\"{shorten text}\""
        | JsonKind.Array -> $"an array of {items.Length}"
        | JsonKind.Object -> "an object"
        | _ -> shorten text

/// A key, where it was written, and its value.
and [<Sealed; AllowNullLiteral>] internal JsonMember(name: string, place: JsonPlace, value: JsonTree) =
    member _.Name = name
    member _.Place = place
    member _.Value = value

module internal JsonTrees =

    let scalar kind text place = JsonTree(kind, text, Array.Empty(), Array.Empty(), place)

    let array items place = JsonTree(JsonKind.Array, "", items, Array.Empty(), place)

    let object members place = JsonTree(JsonKind.Object, "", Array.Empty(), members, place)

/// A way from the root of a document to one of its values.
type internal JsonStep =
    | Key of string
    | Item of int

/// Steps, the last one first, so that going down costs nothing.
type internal JsonPath = JsonStep list

module internal JsonPaths =

    /// As users write it: losses[1].options.temperature.
    let text (path: JsonPath) =
        let append (written: string) step =
            match step with
            | Item i -> $"{written}[{i}]"
            | Key name when written = "" -> name
            | Key name -> $"{written}.{name}"

        path |> List.rev |> List.fold append ""

    /// The place of a value; of the nearest one above it where it does not exist itself.
    let rec locate (root: JsonTree) (path: JsonPath) : JsonPlace =
        let rec descend (node: JsonTree) (place: JsonPlace) steps =
            match steps with
            | [] -> place
            | Key name :: rest ->
                match node.Members |> Array.tryFindBack (fun m -> m.Name = name) with
                | Some m -> descend m.Value m.Value.Place rest
                | None -> place
            | Item i :: rest when i < node.Items.Length -> descend node.Items[i] node.Items[i].Place rest
            | _ -> place

        descend root root.Place (List.rev path)
