namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text.Json

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
            use stream =
                new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite ||| FileShare.Delete)

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

/// The events of a run: one JSON object per line in events.jsonl, written at once, so that a process that dies loses at
/// most the line it was writing. One writer at a time; append from any thread.
[<Sealed; AllowNullLiteral>]
type EventLog private (folder: RunFolder, stream: Stream) =

    static let none = Dictionary<string, double>() :> IReadOnlyDictionary<string, double>

    let gate = obj ()
    let mutable whole = stream.Position

    static let openAt (folder: RunFolder) (length: int64) =
        let stream = folder.Files.OpenEnd folder.EventsPath

        try
            if stream.Position > length then
                folder.Files.Cut(stream, length)

            new EventLog(folder, stream)
        with _ ->
            stream.Dispose()
            reraise ()

    static let endOfLines (lines: struct (byte[] * int64) list) =
        match List.tryLast lines with
        | Some(struct (_, offset)) -> offset
        | None -> 0L

    static let survives (checkpoint: LoadedCheckpoint) (struct (line: byte[], offset: int64)) =
        match EventFormat.tryParse line with
        | null -> false
        | event when not event.Step.HasValue -> true
        | _ when isNull checkpoint -> false
        | event -> event.Step.Value <= checkpoint.Position.Step && offset <= checkpoint.EventBytes

    static let cutBack (folder: RunFolder) (checkpoint: LoadedCheckpoint) =
        let lines = EventFormat.lines folder.EventsPath
        let kept = lines |> List.filter (survives checkpoint)

        if kept.Length < lines.Length then
            use buffer = new MemoryStream()

            for struct (line, _) in kept do
                buffer.Write(line, 0, line.Length)
                buffer.WriteByte(byte '\n')

            RunIo.replace folder.Files folder.EventsPath (buffer.ToArray())

    /// Opens the log of a new run; events that are there stay, a torn last line goes. Raises KDP0603 to KDP0605.
    static member Open(folder: RunFolder) : EventLog =
        RunIo.guard "Opening the event log" folder.EventsPath (fun () ->
            openAt folder (endOfLines (EventFormat.lines folder.EventsPath)))

    /// Opens the log of a run that goes on from a checkpoint: the events of steps behind it go, so that no step appears
    /// twice; events without a step stay. Then it records what the resume passed over or overrode.
    /// checkpoint: null where the run starts again from its beginning. Raises KDP0603 to KDP0605.
    static member Resume(folder: RunFolder, checkpoint: LoadedCheckpoint) : EventLog =
        let log =
            RunIo.guard "Opening the event log" folder.EventsPath (fun () ->
                cutBack folder checkpoint
                openAt folder (endOfLines (EventFormat.lines folder.EventsPath)))

        if isNull checkpoint then
            log.Note("resume", "no checkpoint: from the beginning")
        else
            for reason in checkpoint.Skipped do
                log.Note("checkpoint-damaged", reason)

            for reason in checkpoint.Overridden do
                log.Note("override", reason)

            for reason in checkpoint.EnvironmentChanges do
                log.Note("environment-changed", reason)

            log.Note("resume", $"from checkpoint {checkpoint.Info.Name}: {checkpoint.Position}")

        log

    /// Everything in the log of a run's folder, also while it is written. Raises KDP0605.
    static member Read(runPath: string) : EventHistory =
        let path = Path.Combine(Path.GetFullPath runPath, "events.jsonl")

        let parsed =
            RunIo.guard "Reading the event log" path (fun () ->
                [|
                    for struct (line, _) in EventFormat.lines path -> EventFormat.tryParse line
                |])

        let events = parsed |> Array.filter (isNull >> not)
        EventHistory(events, parsed.Length - events.Length)

    /// Appends an event of a step. Those of a step go before the checkpoint of that step.
    /// stage: may be null. step: steps done in the whole run. values: may be null. Raises KDP0603 to KDP0605; what was
    /// there before is intact, and the next append goes on behind it.
    member this.Append(kind: string, stage: string, step: int64, values: IReadOnlyDictionary<string, double>) =
        this.Append(kind, stage, Nullable step, values, "")

    /// The same with a text. step: null for what belongs to no step.
    member _.Append
        (kind: string, stage: string, step: Nullable<int64>, values: IReadOnlyDictionary<string, double>, text: string)
        =
        let values = if isNull values then none else values

        let line =
            EventFormat.write (RunEvent(folder.Time.GetUtcNow(), kind, stage, step, values, text))

        lock gate (fun () ->
            RunIo.guard "Writing an event" folder.EventsPath (fun () ->
                // What a failed append left behind the last whole line.
                if stream.Length <> whole then
                    folder.Files.Cut(stream, whole)

                stream.Write(line, 0, line.Length)
                whole <- stream.Position))

    /// Appends an event that belongs to no step, such as a warning.
    member this.Note(kind: string, text: string) = this.Append(kind, null, Nullable(), none, text)

    /// Forces the events onto the disk; worth it before a checkpoint, not at every step. Raises KDP0603 to KDP0605.
    member _.Flush() =
        lock gate (fun () -> RunIo.guard "Writing events" folder.EventsPath (fun () -> folder.Files.Flush stream))

    /// Closes the file.
    member _.Dispose() = stream.Dispose()

    interface IDisposable with
        member this.Dispose() = this.Dispose()
