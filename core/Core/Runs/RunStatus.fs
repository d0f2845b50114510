namespace KdPlugins.Core

open System
open System.IO
open System.Text.Json
open KdPlugins.Torch

/// What became of a run.
type RunState =
    /// Somebody works on it, or died over it: RunFolder.IsHeld tells which.
    | Running = 0
    /// It ran to its end.
    | Done = 1
    /// It ended with an error.
    | Failed = 2
    /// It was asked to stop, saved, and can go on.
    | Stopped = 3

/// The content of a run's status file.
/// exitCode: the process's exit code, null while the run is running. message: one line, may be empty.
/// updated: when it was written. processId, host: who wrote it.
[<Sealed; AllowNullLiteral>]
type RunStatus
    (state: RunState, exitCode: Nullable<int>, message: string, updated: DateTimeOffset, processId: int, host: string) =

    /// What became of the run.
    member _.State = state

    /// The exit code; null while the run is running.
    member _.ExitCode = exitCode

    /// One line for people; may be empty.
    member _.Message = message

    /// When the status was written.
    member _.Updated = updated

    /// The process that wrote it.
    member _.ProcessId = processId

    /// The machine that it ran on.
    member _.Host = host

module internal RunStatusFile =

    let private options = JsonWriterOptions(Indented = true)

    let write (status: RunStatus) =
        use buffer = new MemoryStream()

        (use json = new Utf8JsonWriter(buffer, options)
         json.WriteStartObject()
         json.WriteString("state", status.State.ToString().ToLowerInvariant())

         if status.ExitCode.HasValue then
             json.WriteNumber("exitCode", status.ExitCode.Value)
         else
             json.WriteNull "exitCode"

         json.WriteString("message", status.Message)
         json.WriteString("updated", status.Updated)
         json.WriteNumber("processId", status.ProcessId)
         json.WriteString("host", status.Host)
         json.WriteEndObject())

        buffer.ToArray()

    let private parse (bytes: byte[]) =
        use document = JsonDocument.Parse bytes
        let root = document.RootElement
        let exitCode = root.GetProperty "exitCode"
        let state = Enum.Parse<RunState>(root.GetProperty("state").GetString(), true)

        // A number is one of the enumeration's to Enum.Parse, whatever it is.
        if not (Enum.IsDefined state) then
            raise (FormatException $"'{int state}' is no state")

        RunStatus(
            state,
            (if exitCode.ValueKind = JsonValueKind.Null then
                 Nullable()
             else
                 Nullable(exitCode.GetInt32())),
            root.GetProperty("message").GetString(),
            root.GetProperty("updated").GetDateTimeOffset(),
            root.GetProperty("processId").GetInt32(),
            root.GetProperty("host").GetString()
        )

    /// Bytes of a status.
    let private largest = 1 <<< 20

    /// The status in a file; null where there is no file. Raises KDP0607.
    let read (path: string) : RunStatus =
        if not (File.Exists path) then
            null
        else
            try
                parse (PlainFile.ReadBytes(path, largest))
            with
            | :? JsonException
            | :? FormatException
            | :? ArgumentException
            | :? InvalidOperationException
            | :? Collections.Generic.KeyNotFoundException as e ->
                raise (KdException(RunErrors.StatusUnreadable, $"'{path}': {e.Message.TrimEnd('.')}.", null, e))
