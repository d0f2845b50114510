namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO

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
    /// checkpoint: null where there is none yet: the run begins with its first step. Raises KDP0603 to KDP0605.
    static member Resume(folder: RunFolder, checkpoint: LoadedCheckpoint) : EventLog =
        let began = File.Exists folder.EventsPath && FileInfo(folder.EventsPath).Length > 0L

        let log =
            RunIo.guard "Opening the event log" folder.EventsPath (fun () ->
                cutBack folder checkpoint
                openAt folder (endOfLines (EventFormat.lines folder.EventsPath)))

        if not (isNull checkpoint) then
            for reason in checkpoint.Skipped do
                log.Note("checkpoint-damaged", reason)

            for reason in checkpoint.Overridden do
                log.Note("override", reason)

            for reason in checkpoint.EnvironmentChanges do
                log.Note("environment-changed", reason)

            log.Note("resume", $"from checkpoint {checkpoint.Info.Name}: {checkpoint.Position}")
        elif began then
            log.Note("resume", "no checkpoint: from the beginning")

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
