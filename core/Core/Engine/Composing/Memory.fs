namespace KdPlugins.Core

open System
open System.Globalization
open System.IO
open TorchSharp

/// How much memory there is, and what takes it.
module internal Memory =

    /// Where a bank's size is looked at before it is made: below, no bank of ordinary rows fills a machine.
    let manySamples = 100_000L

    let text (bytes: float) = (bytes / 1073741824.0).ToString("N1", CultureInfo.InvariantCulture) + " GiB"

    let private number (text: string) : int64 option =
        match Int64.TryParse(if isNull text then "" else text.Trim()) with
        | true, n when n > 0L -> Some n
        | _ -> None

    // A group's limit is the smallest of its own and those above it.
    let rec private upwards (path: string) : string list =
        match path.TrimEnd '/' with
        | "" -> [ "" ]
        | some -> some :: upwards (some.Substring(0, some.LastIndexOf '/'))

    /// Of a Linux machine and the control groups that this process is in, version 1 or 2, in bytes. read: a file's text, null
    /// where there is none. None where nothing says it.
    let limitOf (read: string -> string) : int64 option =
        let lines (path: string) =
            match read path with
            | null -> [||]
            | text -> text.Split('\n', StringSplitOptions.RemoveEmptyEntries)

        let machine =
            lines "/proc/meminfo"
            |> Seq.filter (fun line -> line.StartsWith("MemTotal:", StringComparison.Ordinal))
            |> Seq.choose (fun line -> number (line.Substring(9).Replace("kB", "")))
            |> Seq.map (fun kib -> kib * 1024L)

        // hierarchy:controllers:path
        let groups =
            [ "0::/"; "0:memory:/"; yield! lines "/proc/self/cgroup" ]
            |> Seq.collect (fun line ->
                match line.Split(':', 3) with
                | [| _; ""; path |] -> [ for p in upwards path -> $"/sys/fs/cgroup{p}/memory.max" ]
                | [| _; controllers; path |] when Seq.contains "memory" (controllers.Split ',') ->
                    [ for p in upwards path -> $"/sys/fs/cgroup/memory{p}/memory.limit_in_bytes" ]
                | _ -> [])
            |> Seq.choose (read >> number)

        match Seq.toList (Seq.append machine groups) with
        | [] -> None
        | all -> Some(List.min all)

    let private readFile (path: string) =
        try
            File.ReadAllText path
        with
        | :? IOException
        | :? UnauthorizedAccessException -> null

    /// Bytes that this process may use.
    let limit () : int64 =
        limitOf readFile
        |> Option.defaultWith (fun () -> GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)

    let bytesOf (m: torch.nn.Module) : int64 =
        Seq.append (m.parameters () |> Seq.cast<Tensor>) (m.buffers ())
        |> Seq.sumBy (fun t -> t.NumberOfElements * int64 t.ElementSize)

    /// Bytes that something will take for many samples, as it grows between two small numbers of them.
    let foretell (bytesFor: int64 -> int64) (samples: int64) : float =
        let few = max 1L (samples / 1024L)
        let first, second = bytesFor few, bytesFor (2L * few)
        float first + float (second - first) / float few * float (samples - few)
