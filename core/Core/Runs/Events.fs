namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open KdPlugins.Torch

/// Something that happened in a run.
/// time: when. kind: what sort of thing, such as "step", "evaluation", "stage", "resume". stage: where; null where it
/// belongs to no stage. step: steps done in the whole run, null for what belongs to no step: such events stay when a
/// resume takes the run back. values: numbers by name, NaN and infinities included. text: for people; may be empty.
[<Sealed; AllowNullLiteral>]
type RunEvent
    (
        time: DateTimeOffset,
        kind: string,
        stage: string,
        step: Nullable<int64>,
        values: IReadOnlyDictionary<string, double>,
        text: string
    ) =

    /// When.
    member _.Time = time

    /// What sort of thing.
    member _.Kind = kind

    /// The stage's name; null where it belongs to none.
    member _.Stage = stage

    /// Steps done in the whole run; null where it belongs to none.
    member _.Step = step

    /// Numbers by name.
    member _.Values = values

    /// For people; may be empty.
    member _.Text = text

/// A point of a curve.
[<Struct>]
type SeriesPoint(step: int64, value: double) =

    /// Steps done in the whole run.
    member _.Step = step

    /// The value there.
    member _.Value = value

/// What an event log held when it was read.
/// events: in the order of writing. unreadable: lines that are no events, other than a last one that was being written.
[<Sealed>]
type EventHistory(events: IReadOnlyList<RunEvent>, unreadable: int) =

    /// In the order of writing.
    member _.Events = events

    /// The number of lines that are no events.
    member _.Unreadable = unreadable

    /// The names of values that events of a kind carry, sorted. kind: null for all.
    member _.Names(kind: string) : IReadOnlyList<string> =
        [|
            for event in events do
                if isNull kind || event.Kind = kind then
                    yield! event.Values.Keys
        |]
        |> Array.distinct
        |> Array.sort
        :> _

    /// The curve of a value over the run's steps. kind: of the events to look at, null for all.
    member _.Series(name: string, kind: string) : IReadOnlyList<SeriesPoint> =
        [|
            for event in events do
                if event.Step.HasValue && (isNull kind || event.Kind = kind) then
                    match event.Values.TryGetValue name with
                    | true, value -> SeriesPoint(event.Step.Value, value)
                    | _ -> ()
        |]

module internal EventFormat =

    let private nonFinite (value: double) =
        if Double.IsNaN value then "NaN"
        elif value > 0.0 then "Infinity"
        else "-Infinity"

    /// The event as one line, its end included.
    let write (event: RunEvent) =
        use buffer = new MemoryStream()

        (use json = new Utf8JsonWriter(buffer)
         json.WriteStartObject()
         json.WriteString("time", event.Time)
         json.WriteString("kind", event.Kind)

         if not (isNull event.Stage) then
             json.WriteString("stage", event.Stage)

         if event.Step.HasValue then
             json.WriteNumber("step", event.Step.Value)

         if event.Values.Count > 0 then
             json.WriteStartObject "values"

             for entry in event.Values do
                 if Double.IsFinite entry.Value then
                     json.WriteNumber(entry.Key, entry.Value)
                 else
                     json.WriteString(entry.Key, nonFinite entry.Value)

             json.WriteEndObject()

         if not (String.IsNullOrEmpty event.Text) then
             json.WriteString("text", event.Text)

         json.WriteEndObject())

        buffer.WriteByte(byte '\n')
        buffer.ToArray()

    let private number (element: JsonElement) =
        match element.ValueKind with
        | JsonValueKind.Number -> element.GetDouble()
        | _ ->
            match element.GetString() with
            | "NaN" -> Double.NaN
            | "Infinity" -> Double.PositiveInfinity
            | "-Infinity" -> Double.NegativeInfinity
            | other -> raise (FormatException $"'{other}' is no number")

    let private parse (line: byte[]) =
        use document = JsonDocument.Parse line
        let root = document.RootElement
        let values = Dictionary<string, double>()

        let text (name: string) =
            match root.TryGetProperty name with
            | true, value -> value.GetString()
            | _ -> null

        match root.TryGetProperty "values" with
        | true, all ->
            for entry in all.EnumerateObject() do
                values[entry.Name] <- number entry.Value
        | _ -> ()

        RunEvent(
            root.GetProperty("time").GetDateTimeOffset(),
            root.GetProperty("kind").GetString(),
            text "stage",
            (match root.TryGetProperty "step" with
             | true, value -> Nullable(value.GetInt64())
             | _ -> Nullable()),
            values,
            (match text "text" with
             | null -> ""
             | found -> found)
        )

    /// The event of a line; null where the line is none.
    let tryParse (line: byte[]) : RunEvent =
        try
            parse line
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? FormatException
        | :? KeyNotFoundException -> null

    /// The whole lines of a file without their ends, each with the offset behind it; a last one that has no end is left out.
    let lines (path: string) : struct (byte[] * int64) list =
        if not (File.Exists path) then
            []
        else
            use stream = PlainFile.Open path
            use copy = new MemoryStream()
            stream.CopyTo copy
            let bytes = copy.ToArray()
            let found = List<struct (byte[] * int64)>()
            let mutable start = 0

            for at in 0 .. bytes.Length - 1 do
                if bytes[at] = byte '\n' then
                    found.Add(struct (bytes[start .. at - 1], int64 at + 1L))
                    start <- at + 1

            List.ofSeq found
