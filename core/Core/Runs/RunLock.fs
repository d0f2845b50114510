namespace KdPlugins.Core

open System
open System.IO
open System.Text.Json
open System.Threading
open KdPlugins.Torch

/// The exclusive right to change a run. It is a lock of the operating system on an open file, so a process that dies in
/// any way gives it back; who holds it stands in a second file, for messages only.
[<Sealed>]
type internal RunLock private (stream: FileStream, holderPath: string) =

    static let fileName = "run.lock"
    static let holderName = "run.lock.json"

    // A look at the lock by somebody else takes it for a moment.
    static let attempts = 5
    static let pause = TimeSpan.FromMilliseconds 30.0

    // Bytes of what a holder says of itself.
    static let longest = 4096

    static let tryOpen (path: string) =
        try
            new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1)
        with :? IOException as e when (e :? FileNotFoundException || e :? DirectoryNotFoundException) |> not ->
            // EWOULDBLOCK of Linux, ERROR_SHARING_VIOLATION of Windows; the rest is a failure of its own.
            if e.HResult = 11 || e.HResult = 0x80070020 then
                null
            else
                reraise ()

    static let rec openWithin path left =
        match tryOpen path with
        | null when left > 1 ->
            Thread.Sleep pause
            openWithin path (left - 1)
        | stream -> stream

    static let holder (path: string) =
        try
            use document = JsonDocument.Parse(PlainFile.ReadBytes(path, longest))
            let root = document.RootElement
            let id = root.GetProperty("processId").GetInt32()
            let host = root.GetProperty("host").GetString()
            let since = root.GetProperty("since").GetString()
            $"process {id} on {host} holds it since {since}"
        with _ ->
            "the holder has not said who it is"

    /// Takes the lock of a folder. Raises KDP0602 naming the holder.
    static member Take(folder: string, files: IRunFiles, time: TimeProvider) =
        let holderPath = Path.Combine(folder, holderName)

        match openWithin (Path.Combine(folder, fileName)) attempts with
        | null -> Fail.error RunErrors.RunLocked $"'{folder}': {holder holderPath}."
        | stream ->
            try
                let now = time.GetUtcNow().ToString "yyyy-MM-ddTHH:mm:ssZ"

                let who =
                    {|
                        processId = Environment.ProcessId
                        host = Environment.MachineName
                        since = now
                    |}

                RunIo.replace files holderPath (JsonSerializer.SerializeToUtf8Bytes who)
                new RunLock(stream, holderPath)
            with _ ->
                stream.Dispose()
                reraise ()

    /// Whether somebody holds the lock of a folder.
    static member IsHeld(folder: string) =
        let path = Path.Combine(folder, fileName)

        if not (File.Exists path) then
            false
        else
            try
                use stream = tryOpen path
                isNull stream
            with
            | :? IOException
            | :? UnauthorizedAccessException -> false // what cannot be written nobody can hold

    interface IDisposable with
        // The lock file itself stays: deleting it would let two processes lock two files of one name.
        member _.Dispose() =
            try
                File.Delete holderPath
            with
            | :? IOException
            | :? UnauthorizedAccessException -> ()

            stream.Dispose()
