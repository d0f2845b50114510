/// JSON text to trees, with comments and trailing commas, without duplicate keys, within limits.
module internal KdPlugins.Core.JsonTreeReader

open System
open System.Collections.Generic
open System.Text
open System.Text.Json

/// Bytes of a document.
let largest = 1 <<< 20

/// Objects and arrays within each other.
let deepest = 32

/// Follows the reader through the text; offsets must not decrease, so the whole costs one pass.
[<Sealed>]
type private Cursor(bytes: byte[], origin: string) =
    let mutable at = 0
    let mutable line = 1
    let mutable column = 1

    member _.Place(offset: int64) =
        while int64 at < offset do
            let b = bytes[at]

            if b = 10uy then
                line <- line + 1
                column <- 1
            elif b &&& 0xC0uy <> 0x80uy then
                // UTF-16 counts characters of four bytes as two, as editors do.
                column <- column + (if b >= 0xF0uy then 2 else 1)

            at <- at + 1

        if isNull origin then
            {
                Line = line
                Column = column
                Origin = null
            }
        else
            {
                Line = 0
                Column = 0
                Origin = origin
            }

/// An object or array that is not closed yet.
[<Sealed; AllowNullLiteral>]
type private Frame(isObject: bool, place: JsonPlace, path: JsonPath) =
    let names = if isObject then HashSet<string>() else null

    member _.Place = place
    member _.Path = path
    member val Members = List<JsonMember>()
    member val Elements = List<JsonTree>()
    member val Name: string = null with get, set
    member val NamePlace = place with get, set
    member _.AddName(name: string) = names.Add name

    /// The path of the value that comes next.
    member this.Next: JsonPath =
        if isObject then
            Key this.Name :: path
        else
            Item this.Elements.Count :: path

    member this.Add(value: JsonTree) =
        if isObject then
            this.Members.Add(JsonMember(this.Name, this.NamePlace, value))
        else
            this.Elements.Add value

    member this.Close() =
        if isObject then
            JsonTrees.object (this.Members.ToArray()) place
        else
            JsonTrees.array (this.Elements.ToArray()) place

/// Builds the tree while tokens come.
[<Sealed>]
type private Builder(failures: FailureSink) =
    let open' = Stack<Frame>()
    let mutable root: JsonTree = null

    member _.Root = root

    member _.Depth = open'.Count

    member _.Value(value: JsonTree) =
        if open'.Count = 0 then
            root <- value
        else
            open'.Peek().Add value

    member _.Open(isObject, place) =
        let path = if open'.Count = 0 then [] else open'.Peek().Next
        open'.Push(Frame(isObject, place, path))

    member this.Close() = this.Value(open'.Pop().Close())

    member _.Name(name: string, place) =
        let frame = open'.Peek()
        frame.Name <- name
        frame.NamePlace <- place

        if not (frame.AddName name) then
            failures.AddAt(place, RecipeErrors.DuplicateKey, frame.Next, $"the key '{name}' again", "each key once", "")

let private options =
    JsonReaderOptions(CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = deepest + 2)

let private feed (reader: byref<Utf8JsonReader>) (cursor: Cursor) (builder: Builder) =
    let place = cursor.Place reader.TokenStartIndex

    match reader.TokenType with
    | JsonTokenType.StartObject -> builder.Open(true, place)
    | JsonTokenType.StartArray -> builder.Open(false, place)
    | JsonTokenType.EndObject
    | JsonTokenType.EndArray -> builder.Close()
    | JsonTokenType.PropertyName -> builder.Name(reader.GetString(), place)
    | JsonTokenType.String -> builder.Value(JsonTrees.scalar JsonKind.Text (reader.GetString()) place)
    | JsonTokenType.Number ->
        let digits = Encoding.UTF8.GetString reader.ValueSpan
        builder.Value(JsonTrees.scalar JsonKind.Number digits place)
    | JsonTokenType.True -> builder.Value(JsonTrees.scalar JsonKind.Boolean "true" place)
    | JsonTokenType.False -> builder.Value(JsonTrees.scalar JsonKind.Boolean "false" place)
    | _ -> builder.Value(JsonTrees.scalar JsonKind.Null "null" place)

let private withoutMark (bytes: byte[]) =
    if bytes.AsSpan().StartsWith(ReadOnlySpan [| 0xEFuy; 0xBBuy; 0xBFuy |]) then
        bytes[3..]
    else
        bytes

let private readTokens (bytes: byte[]) (cursor: Cursor) (builder: Builder) (failures: FailureSink) =
    let mutable reader = Utf8JsonReader(ReadOnlySpan bytes, options)
    let mutable go = true

    while go && reader.Read() do
        feed &reader cursor builder

        if builder.Depth > deepest then
            let place = cursor.Place reader.TokenStartIndex
            let expected = $"at most {deepest} levels"
            failures.AddAt(place, RecipeErrors.TooLarge, [], "objects and arrays nested too deep", expected, "")
            go <- false

    go

/// The tree of a document; null where it has none, with the reason among the failures.
/// origin: what the text is if not a file that users can look into; null for a file.
let read (bytes: byte[]) (origin: string) (failures: FailureSink) : JsonTree =
    let fail place code found expected =
        failures.AddAt(place, code, [], found, expected, "")
        null

    if bytes.Length > largest then
        let place =
            {
                Line = 0
                Column = 0
                Origin = origin
            }

        fail place RecipeErrors.TooLarge $"a text of {bytes.Length} bytes" $"at most {largest} bytes"
    else
        let bytes = withoutMark bytes
        let cursor = Cursor(bytes, origin)
        let builder = Builder failures

        try
            if readTokens bytes cursor builder failures then
                builder.Root
            else
                null
        with
        | :? JsonException as e ->
            let line = int (e.LineNumber.GetValueOrDefault 0L) + 1
            let column = int (e.BytePositionInLine.GetValueOrDefault 0L) + 1

            let place =
                if isNull origin then
                    {
                        Line = line
                        Column = column
                        Origin = null
                    }
                else
                    {
                        Line = 0
                        Column = 0
                        Origin = origin
                    }

            let parts = e.Message.Split " LineNumber:"
            let reason = "not JSON: " + parts[0].TrimEnd '.'
            fail place RecipeErrors.NotJson reason ""
        | :? InvalidOperationException ->
            // Text tokens are decoded late: invalid UTF-8 and lone surrogates show here.
            let place = cursor.Place 0L
            fail place RecipeErrors.NotJson "a text that is not valid Unicode" "UTF-8"
