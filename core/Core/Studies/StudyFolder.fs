namespace KdPlugins.Core

open System
open System.IO

/// The folder of a study, held exclusively until it is disposed.
[<Sealed>]
type StudyFolder private (root: string, hold: RunLock) =

    /// Takes a folder, which is made where there is none. Raises KDP0602 where another process holds it, KDP0603 to KDP0605 where
    /// the file system refuses.
    static member Take(path: string) : StudyFolder =
        let root = Path.TrimEndingDirectorySeparator(Path.GetFullPath path)

        RunIo.guard "Opening the study" root (fun () ->
            DiskFiles.Instance.CreateFolder root
            let hold = RunLock.Take(root, DiskFiles.Instance, TimeProvider.System)

            try
                RunIo.sweep DiskFiles.Instance root
                new StudyFolder(root, hold)
            with _ ->
                (hold :> IDisposable).Dispose()
                reraise ())

    /// The folder's full path.
    member _.Path = root

    /// Writes or replaces a file of the study atomically; folders above it are made. Raises KDP0603 to KDP0605; the old content is
    /// there then.
    member _.WriteFile(name: string, content: byte[]) =
        let path = Path.Combine(root, name)

        RunIo.guard "Writing" path (fun () ->
            DiskFiles.Instance.CreateFolder(Path.GetDirectoryName path)
            RunIo.replace DiskFiles.Instance path content)

    /// Gives the folder back.
    member _.Dispose() = (hold :> IDisposable).Dispose()

    interface IDisposable with
        member this.Dispose() = this.Dispose()
