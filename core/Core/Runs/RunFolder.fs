namespace KdPlugins.Core

open System
open System.Globalization
open System.IO
open System.Security.Cryptography
open System.Text
open KdPlugins.Torch

/// The folder of one run, held exclusively until it is disposed:
/// recipe.json (the resolved recipe), status.json, events.jsonl, checkpoints/, outputs/ and report/.
[<Sealed; AllowNullLiteral>]
type RunFolder private (root: string, recipe: string, files: IRunFiles, time: TimeProvider, hold: RunLock) =

    static let recipeName = "recipe.json"
    static let statusName = "status.json"

    // Enough for events, status and the file system's own needs besides what a save asks for.
    static let reserve = 8L <<< 20

    static let fullPath (path: string) =
        if String.IsNullOrWhiteSpace path then
            Fail.error RunErrors.BadName "The path of a run folder is empty."

        Path.TrimEndingDirectorySeparator(Path.GetFullPath path)

    static let holdsRun root = File.Exists(Path.Combine(root, recipeName))

    static member internal Create(path: string, recipe: string, files: IRunFiles, time: TimeProvider) =
        let root = fullPath path

        RunIo.guard "Creating the run" root (fun () ->
            files.CreateFolder root
            let hold = RunLock.Take(root, files, time)

            try
                if holdsRun root then
                    Fail.error RunErrors.RunExists $"'{root}' holds a run already."

                for name in [ "checkpoints"; "outputs" ] do
                    files.CreateFolder(Path.Combine(root, name))

                let run = new RunFolder(root, recipe, files, time, hold)
                run.WriteStatus(RunState.Running, Nullable(), "")
                // The recipe comes last: with it the folder is a run.
                RunIo.replace files (Path.Combine(root, recipeName)) (Encoding.UTF8.GetBytes recipe)
                run
            with _ ->
                (hold :> IDisposable).Dispose()
                reraise ())

    static member internal Open(path: string, files: IRunFiles, time: TimeProvider) =
        let root = fullPath path

        if not (holdsRun root) then
            let found =
                if Directory.Exists root then
                    "no recipe.json in it"
                else
                    "no such folder"

            Fail.error RunErrors.RunMissing $"'{root}': {found}."

        RunIo.guard "Opening the run" root (fun () ->
            let hold = RunLock.Take(root, files, time)

            try
                RunIo.sweep files root

                let recipe =
                    PlainFile.ReadText(Path.Combine(root, recipeName), JsonTreeReader.largest)

                for name in [ "checkpoints"; "outputs" ] do
                    files.CreateFolder(Path.Combine(root, name))

                let run = new RunFolder(root, recipe, files, time, hold)
                run.WriteStatus(RunState.Running, Nullable(), "")
                run
            with _ ->
                (hold :> IDisposable).Dispose()
                reraise ())

    /// Starts a run in a new or empty folder, or in one whose creation did not come to its end; the folders above it are
    /// made. The status becomes running.
    /// recipe: the resolved recipe, kept byte for byte.
    /// Raises KDP0601 where there is a run already, KDP0602 where another process holds the folder, KDP0603 to KDP0605
    /// where the file system refuses.
    static member Create(path: string, recipe: string) =
        RunFolder.Create(path, recipe, DiskFiles.Instance, TimeProvider.System)

    /// The same with a clock.
    static member Create(path: string, recipe: string, time: TimeProvider) =
        RunFolder.Create(path, recipe, DiskFiles.Instance, time)

    /// Opens a run to go on with it. A holder that died has lost its hold; the status becomes running.
    /// Raises KDP0600 where there is no run, KDP0602 where another process holds it, KDP0603 to KDP0605 where the file
    /// system refuses.
    static member Open(path: string) = RunFolder.Open(path, DiskFiles.Instance, TimeProvider.System)

    /// The same with a clock.
    static member Open(path: string, time: TimeProvider) = RunFolder.Open(path, DiskFiles.Instance, time)

    /// Whether a folder holds a run. Takes no lock.
    static member Exists(path: string) = holdsRun (fullPath path)

    /// Whether a process works on the run of a folder.
    static member IsHeld(path: string) = RunLock.IsHeld(fullPath path)

    /// The status of a folder's run; null where none was written. Takes no lock. Raises KDP0607.
    static member ReadStatus(path: string) : RunStatus = RunStatusFile.read (Path.Combine(fullPath path, statusName))

    /// The folder's full path.
    member _.Path = root

    /// The resolved recipe as it was given.
    member _.Recipe = recipe

    /// SHA-256 of the recipe's text, lower-case hexadecimal.
    member _.RecipeSha256 =
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes recipe))

    /// The file of the resolved recipe.
    member _.RecipePath = Path.Combine(root, recipeName)

    /// The event log, one JSON object per line.
    member _.EventsPath = Path.Combine(root, "events.jsonl")

    /// The folder of the checkpoints.
    member _.CheckpointsPath = Path.Combine(root, "checkpoints")

    /// The folder of the TensorBoard event file; made by its writer.
    member _.TensorBoardPath = Path.Combine(root, "tensorboard")

    /// The folder "outputs/<name>", made if there is none. Raises KDP0606 for a name that is not one plain file name.
    member _.Output(name: string) =
        let path = Path.Combine(root, "outputs", RunIo.plainName "An output" name)
        RunIo.guard "Making an output folder" path (fun () -> files.CreateFolder path)
        path

    /// Writes or replaces a file of the run atomically. name: a plain file name in the run's folder. Raises KDP0606,
    /// and KDP0603 to KDP0605 where the file system refuses; the old content is there then.
    member _.WriteFile(name: string, content: byte[]) =
        let path = Path.Combine(root, RunIo.plainName "A file" name)
        RunIo.guard "Writing" path (fun () -> RunIo.replace files path content)

    /// Replaces the status atomically. exitCode: null while running. message: one line, may be empty.
    member this.WriteStatus(state: RunState, exitCode: Nullable<int>, message: string) =
        let status =
            RunStatus(state, exitCode, message, time.GetUtcNow(), Environment.ProcessId, Environment.MachineName)

        this.WriteFile(statusName, RunStatusFile.write status)

    /// The same on the way out of a failure, whose own error is the one to report: false where the file system refuses.
    member this.TryWriteStatus(state: RunState, exitCode: Nullable<int>, message: string) =
        try
            this.WriteStatus(state, exitCode, message)
            true
        with :? KdException ->
            false

    /// Checks that the volume has room for a number of bytes and a reserve. Raises KDP0603 with both numbers.
    member _.RequireFree(bytes: int64) =
        let free = RunIo.guard "Asking for free space" root (fun () -> files.FreeBytes root)

        if free < bytes + reserve then
            let mib (count: int64) =
                (float count / 1048576.0).ToString("0.0", CultureInfo.InvariantCulture) + " MiB"

            Fail.error
                RunErrors.DiskFull
                $"'{root}': {mib (bytes + reserve)} are needed for the next save, {mib free} are free. Nothing was written."

    member internal _.Files = files
    member internal _.Time = time

    /// Gives the folder back.
    member _.Dispose() = (hold :> IDisposable).Dispose()

    interface IDisposable with
        member this.Dispose() = this.Dispose()
