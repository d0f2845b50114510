namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open KdPlugins.Torch

/// What the card of a distilled data set says: card.json beside data.safetensors.
[<Sealed>]
type DistilledCard
    (
        name: string,
        count: int64,
        classes: int64,
        classNames: IReadOnlyList<string>,
        inputShape: IReadOnlyList<int64>,
        mean: IReadOnlyList<double>,
        std: IReadOnlyList<double>,
        targets: IReadOnlyList<string>,
        sha256: string,
        provenance: IReadOnlyDictionary<string, string>
    ) =

    /// The set's name, such as "distilled".
    member _.Name = name

    /// The number of images, at least 1.
    member _.Count = count

    /// The number of classes of the data it was made from, 0 where there are none.
    member _.Classes = classes

    /// One name per class, or empty.
    member _.ClassNames = classNames

    /// Channels, height, width.
    member _.InputShape = inputShape

    /// Mean per channel of the data it was made from, of values in [0, 1]; empty where unknown.
    member _.Mean = mean

    /// Standard deviation per channel of the data it was made from; empty where unknown.
    member _.Std = std

    /// What the images ought to be answered with: "labels", "soft", both or none.
    member _.Targets = targets

    /// SHA-256 of data.safetensors, in lower-case hexadecimal.
    member _.Sha256 = sha256

    /// Where it comes from: method, recipe and so on, see IPlanContext.Origin.
    member _.Provenance = provenance

/// The card as text.
module internal DistilledCardText =
    let private format = "1.0"
    let private kind = "data-set"
    let private mostBytes = 1 <<< 20
    let private mostClasses = 1_000_000L
    let private mostPixels = 65_536L

    let private known =
        [|
            "kind"
            "format"
            "name"
            "count"
            "classes"
            "classNames"
            "inputShape"
            "mean"
            "std"
            "targets"
            "sha256"
            "provenance"
        |]

    let private numbers (json: Utf8JsonWriter) (name: string) (values: seq<double>) =
        json.WriteStartArray name
        values |> Seq.iter json.WriteNumberValue
        json.WriteEndArray()

    let private texts (json: Utf8JsonWriter) (name: string) (values: seq<string>) =
        json.WriteStartArray name
        values |> Seq.iter (fun (v: string) -> json.WriteStringValue v)
        json.WriteEndArray()

    let write (card: DistilledCard) (stream: Stream) =
        use json = new Utf8JsonWriter(stream, JsonWriterOptions(Indented = true))
        json.WriteStartObject()
        json.WriteString("kind", kind)
        json.WriteString("format", format)
        json.WriteString("name", card.Name)
        json.WriteNumber("count", card.Count)
        json.WriteNumber("classes", card.Classes)
        texts json "classNames" card.ClassNames
        json.WriteStartArray "inputShape"
        card.InputShape |> Seq.iter json.WriteNumberValue
        json.WriteEndArray()
        numbers json "mean" card.Mean
        numbers json "std" card.Std
        texts json "targets" card.Targets
        json.WriteString("sha256", card.Sha256)
        json.WriteStartObject "provenance"

        for entry in card.Provenance do
            json.WriteString(entry.Key, entry.Value)

        json.WriteEndObject()
        json.WriteEndObject()

    let private damaged (path: string) (what: string) : 'a = Fail.error DataErrors.DamagedFile $"'{path}' {what}."

    let private value (path: string) (root: JsonElement) (name: string) (kind: JsonValueKind) =
        match root.TryGetProperty name with
        | true, found when found.ValueKind = kind -> found
        | true, found -> damaged path $"has '{name}' as {found.ValueKind}, expected {kind}"
        | _ -> damaged path $"lacks '{name}'"

    let private text path root name = (value path root name JsonValueKind.String).GetString()

    let private whole (path: string) (name: string) (least: int64) (most: int64) (element: JsonElement) =
        let mutable found = -1L

        if element.ValueKind <> JsonValueKind.Number || not (element.TryGetInt64 &found) then
            damaged path $"has something else than whole numbers in '{name}'"

        if found < least || found > most then
            damaged path $"has {found} in '{name}', outside {least} to {most}"

        found

    let private list path root name (read: JsonElement -> 'T) : 'T[] =
        (value path root name JsonValueKind.Array).EnumerateArray()
        |> Seq.map read
        |> Seq.toArray

    let private string path name (element: JsonElement) =
        if element.ValueKind <> JsonValueKind.String then
            damaged path $"has something else than texts in '{name}'"

        element.GetString()

    let private real path name (element: JsonElement) =
        let found =
            if element.ValueKind = JsonValueKind.Number then
                element.GetDouble()
            else
                nan

        if not (Double.IsFinite found) then
            damaged path $"has something else than finite numbers in '{name}'"

        found

    let private checkKeys (path: string) (root: JsonElement) =
        if root.ValueKind <> JsonValueKind.Object then
            damaged path "is not a JSON object"

        for property in root.EnumerateObject() do
            if not (Array.contains property.Name known) then
                let allowed = String.Join(", ", known)
                damaged path $"has a key that a card does not have; a card has {allowed}"

        let what = text path root "kind"

        if what <> kind || text path root "format" <> format then
            damaged path $"is not the card of a data set of format {format}"

    let private channelsOf (path: string) (name: string) (shape: int64[]) (values: double[]) =
        if values.Length <> 0 && int64 values.Length <> shape[0] then
            damaged path $"has {values.Length} values in '{name}' for {shape[0]} channels"

        values

    let private parse (path: string) (root: JsonElement) =
        checkKeys path root
        let number name least most = value path root name JsonValueKind.Number |> whole path name least most
        let classes = number "classes" 0L mostClasses
        let names = list path root "classNames" (string path "classNames")

        if names.Length <> 0 && int64 names.Length <> classes then
            damaged path $"names {names.Length} classes of {classes}"

        let shape = list path root "inputShape" (whole path "inputShape" 1L mostPixels)

        if shape.Length <> 3 then
            damaged path "has an 'inputShape' that is not channels, height and width"

        let std = list path root "std" (real path "std") |> channelsOf path "std" shape

        if std |> Array.exists (fun s -> s <= 0.0) then
            damaged path "has a deviation in 'std' that is not above 0"

        let targets = list path root "targets" (string path "targets")

        if targets |> Array.except [ "labels"; "soft" ] |> Array.isEmpty |> not then
            damaged path "has something else than 'labels' and 'soft' in 'targets'"

        let provenance = SortedDictionary<string, string>(StringComparer.Ordinal)

        for entry in (value path root "provenance" JsonValueKind.Object).EnumerateObject() do
            provenance[entry.Name] <- string path "provenance" entry.Value

        DistilledCard(
            text path root "name",
            number "count" 1L Int64.MaxValue,
            classes,
            names,
            shape,
            list path root "mean" (real path "mean") |> channelsOf path "mean" shape,
            std,
            targets,
            text path root "sha256",
            provenance
        )

    /// Reads a card. Raises KDP0401 where there is none, KDP0404 where it is not one, KDP0406 where it is too long.
    let read (path: string) : DistilledCard =
        if not (File.Exists path) then
            Fail.error DataErrors.NotFound $"There is no file '{path}'."

        try
            let bytes = Array.zeroCreate<byte>(mostBytes + 1)

            let length =
                use file = PlainFile.Open path
                file.ReadAtLeast(Span bytes, bytes.Length, throwOnEndOfStream = false)

            if length > mostBytes then
                Fail.error DataErrors.TooLarge $"'{path}' is longer than the {mostBytes} bytes that a card may have."

            use document =
                JsonDocument.Parse(
                    ReadOnlyMemory(bytes, 0, length),
                    JsonDocumentOptions(MaxDepth = 4, AllowDuplicateProperties = false)
                )

            parse path document.RootElement
        with
        | :? JsonException as e -> damaged path $"is not JSON as cards are: {e.Message.TrimEnd('.')}"
        // What GetString raises for escapes that are no text, such as half a surrogate pair.
        | :? InvalidOperationException -> damaged path "holds a text that is not Unicode"
        | :? UnauthorizedAccessException
        | :? IOException as e -> Fail.error DataErrors.AccessDenied $"'{path}' cannot be read: {e.Message}"
