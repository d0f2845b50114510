namespace KdPlugins.Core

open System
open System.IO
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Everything that a run changes on disk goes through here, so that tests can fail or end it at any operation.
/// Failures are those of System.IO.
type internal IRunFiles =

    /// Makes a folder and those above it; nothing where it exists.
    abstract CreateFolder: path: string -> unit

    /// A new, empty file.
    abstract Create: path: string -> Stream

    /// The file, created where there is none; positioned at its end.
    abstract OpenEnd: path: string -> Stream

    /// Forces what was written through one of the streams above onto the disk.
    abstract Flush: stream: Stream -> unit

    /// Cuts a file that is open through OpenEnd; goes on at the new end.
    abstract Cut: stream: Stream * length: int64 -> unit

    /// Renames a file, replacing another, or a folder.
    abstract Move: source: string * target: string -> unit

    /// Makes renames and new names in a folder survive a loss of power.
    abstract FlushFolder: path: string -> unit

    /// Deletes a file; nothing where there is none.
    abstract DeleteFile: path: string -> unit

    /// Deletes a folder with all that it holds.
    abstract DeleteFolder: path: string -> unit

    /// The bytes that may be written to the volume of a folder.
    abstract FreeBytes: folder: string -> int64

/// The disk.
[<Sealed>]
type internal DiskFiles private () =

    static let instance = DiskFiles()

    static member Instance = instance :> IRunFiles

    interface IRunFiles with
        member _.CreateFolder path = Directory.CreateDirectory path |> ignore

        member _.Create path =
            new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 <<< 16)

        member _.OpenEnd path =
            // Readers follow a growing file while it is written; without a buffer what is written is there at once.
            let stream =
                new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, 0)

            stream.Seek(0L, SeekOrigin.End) |> ignore
            stream

        member _.Flush stream = (stream :?> FileStream).Flush true

        member _.Cut(stream, length) =
            stream.SetLength length
            stream.Seek(0L, SeekOrigin.End) |> ignore

        member _.Move(source, target) =
            if Directory.Exists source then
                Directory.Move(source, target)
            else
                File.Move(source, target, true)

        member _.FlushFolder path = AtomicFile.FlushFolder path
        member _.DeleteFile path = File.Delete path
        member _.DeleteFolder path = Directory.Delete(path, true)
        member _.FreeBytes folder = DriveInfo(folder).AvailableFreeSpace

/// File operations with failures in words, and the atomic replacement of a small file.
module internal RunIo =

    // ENOSPC and EDQUOT of Linux; ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL of Windows.
    let private isFull (e: exn) =
        match e.HResult with
        | 28
        | 122
        | 0x80070070
        | 0x80070027 -> true
        | _ -> false

    // EROFS of Linux, ERROR_WRITE_PROTECT of Windows.
    let private isReadOnly (e: exn) = e :? UnauthorizedAccessException || e.HResult = 30 || e.HResult = 0x80070013

    /// The end of a sentence that names a path and why it could not be used.
    let failure (what: string) (path: string) (e: exn) =
        let code =
            if isFull e then RunErrors.DiskFull
            elif isReadOnly e then RunErrors.NotWritable
            else RunErrors.FileFailed

        KdException(code, $"{what} in '{path}' failed: {e.Message.TrimEnd('.')}.", null, e)

    /// Runs a piece of work on a path; what the file system refuses is raised as KDP0603 to KDP0605.
    let guard (what: string) (path: string) (work: unit -> 'a) : 'a =
        try
            work ()
        with
        | :? IOException as e -> raise (failure what path e)
        | :? UnauthorizedAccessException as e -> raise (failure what path e)

    /// The end of the names of files and folders that are being written: worthless when they are found later.
    let temporarySuffix = ".kd-tmp"

    /// Removes what a crash left in a folder under temporary names.
    let sweep (files: IRunFiles) (folder: string) =
        for path in Directory.GetDirectories(folder, "*" + temporarySuffix) do
            files.DeleteFolder path

        for path in Directory.GetFiles(folder, "*" + temporarySuffix) do
            files.DeleteFile path

    /// Replaces a file so that a crash at any moment leaves the old content or the new one.
    let replace (files: IRunFiles) (path: string) (content: byte[]) =
        let temporary = path + temporarySuffix
        files.DeleteFile temporary

        (use stream = files.Create temporary
         stream.Write(content, 0, content.Length)
         files.Flush stream)

        files.Move(temporary, path)
        files.FlushFolder(Path.GetDirectoryName path)

    /// A name that is one plain part of a path on every system. Raises KDP0606.
    let plainName (what: string) (name: string) =
        let isPlain c = Char.IsAsciiLetterOrDigit c || c = '-' || c = '_' || c = '.'

        if
            String.IsNullOrEmpty name
            || name.Length > 100
            || name[0] = '.'
            || name[name.Length - 1] = '.'
            || not (Seq.forall isPlain name)
        then
            raise (KdException(RunErrors.BadName, $"{what} is called '{name}'."))

        name
