namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Security.Cryptography
open System.Text.Json
open System.Text.Json.Nodes
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Names and order of checkpoint folders.
module internal CheckpointNames =

    let latest = "latest"

    let private safe (stage: string) =
        let kept =
            String.map
                (fun c ->
                    if Char.IsAsciiLetterOrDigit c || c = '-' || c = '_' then
                        c
                    else
                        '-')
                stage

        kept.Substring(0, min kept.Length 60)

    /// Such as 000012-distil-400: the number orders, the rest is for people.
    let make (number: int64) (position: RunPosition) = $"{number:D6}-{safe position.Stage}-{position.StageStep}"

    /// The number of a folder's name; none for other folders.
    let number (name: string) =
        match name.IndexOf '-' with
        | at when at >= 6 ->
            match Int64.TryParse(name.AsSpan(0, at), NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, value -> Some value
            | _ -> None
        | _ -> None

    /// The checkpoints' folders, newest first.
    let all (root: string) =
        if Directory.Exists root then
            Directory.GetDirectories root
            |> Array.choose (fun path -> number (Path.GetFileName path) |> Option.map (fun n -> struct (n, path)))
            |> Array.sortByDescending (fun (struct (n, _)) -> n)
        else
            [||]

/// The small part of a checkpoint that is not tensors.
module internal CheckpointState =

    let fileName = "state.json"

    let write (content: CheckpointContent) =
        let counters = JsonObject()

        for entry in content.Counters do
            counters[entry.Key] <- JsonValue.Create entry.Value

        let state = JsonObject()
        state["counters"] <- counters
        state["facts"] <- content.Facts.DeepClone()
        JsonSerializer.SerializeToUtf8Bytes(state, JsonSerializerOptions(WriteIndented = true))

    let read (bytes: byte[]) : struct (IReadOnlyDictionary<string, int64> * JsonObject) =
        let state = JsonNode.Parse(ReadOnlySpan bytes).AsObject()
        let counters = Dictionary<string, int64>()

        for entry in state["counters"].AsObject() do
            counters[entry.Key] <- entry.Value.GetValue<int64>()

        let facts = state["facts"].AsObject()
        state.Remove "facts" |> ignore
        struct (counters, facts)

/// Writing one checkpoint folder.
module internal CheckpointWriter =

    // A header of some hundred bytes per tensor, and the manifest.
    let private overhead = 1L <<< 20
    let private headerPerTensor = 512L

    /// An upper bound of the bytes that a checkpoint takes.
    let estimate (content: CheckpointContent) =
        let tensors = content.Sections.Values |> Seq.collect _.Values

        overhead
        + (tensors
           |> Seq.sumBy (fun t -> t.NumberOfElements * t.ElementSize + headerPerTensor))

    let private writeFile (files: IRunFiles) folder name section (write: Stream -> unit) =
        use stream = files.Create(Path.Combine(folder, name))
        use hash = SHA256.Create()

        (use hashed = new CryptoStream(stream, hash, CryptoStreamMode.Write, true)
         write hashed)

        files.Flush stream
        ManifestFile(name, section, stream.Position, Convert.ToHexStringLower hash.Hash)

    let private sectionFile (index: int) (section: string) =
        let safe =
            String.map
                (fun c ->
                    if Char.IsAsciiLetterOrDigit c || c = '-' || c = '_' then
                        c
                    else
                        '-')
                section

        $"{index:D2}-{safe.Substring(0, min safe.Length 80)}.safetensors"

    let private writeSection files folder index (section: string) (tensors: IReadOnlyDictionary<string, torch.Tensor>) =
        writeFile files folder (sectionFile index section) section (fun stream ->
            WeightTensors.Write(stream, tensors, null))

    let private writeBytes files folder name (bytes: byte[]) =
        writeFile files folder name null (fun stream -> stream.Write(bytes, 0, bytes.Length))

    /// Writes all files into a new folder, the manifest last, and forces everything onto the disk.
    let write (files: IRunFiles) (folder: string) (content: CheckpointContent) (manifest: Manifest) =
        files.CreateFolder folder

        let sections =
            content.Sections
            |> Seq.mapi (fun index entry -> writeSection files folder index entry.Key entry.Value)
            |> Seq.toList

        let state =
            writeBytes files folder CheckpointState.fileName (CheckpointState.write content)

        let complete =
            { manifest with
                Files = state :: sections
            }

        let last =
            writeBytes files folder ManifestFormat.fileName (ManifestFormat.write complete)

        files.FlushFolder folder
        struct (complete, last.Bytes + (complete.Files |> List.sumBy _.Bytes))

/// Reading one checkpoint folder.
module internal CheckpointReader =

    let private fault file reason = raise (CheckpointFault(file, reason))

    let private reading file (work: unit -> 'a) : 'a =
        try
            work ()
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> fault file "it is missing"
        | :? IOException
        | :? UnauthorizedAccessException as e -> fault file $"it cannot be read ({e.Message.TrimEnd('.')})"

    let manifest (folder: string) =
        let bytes =
            reading ManifestFormat.fileName (fun () ->
                PlainFile.ReadBytes(Path.Combine(folder, ManifestFormat.fileName), ManifestFormat.largest))

        ManifestFormat.read (Path.GetFileName folder) bytes

    /// Checks a file's kind, size and hash.
    let private verifyFile (folder: string) (file: ManifestFile) =
        reading file.Path (fun () ->
            let info = FileInfo(Path.Combine(folder, file.Path))

            if not (isNull info.LinkTarget) then
                fault file.Path "it is a link, which could lead anywhere"

            if info.Length <> file.Bytes then
                fault file.Path $"it has {info.Length} bytes, {file.Bytes} were written"

            use stream = PlainFile.Open(info.FullName, 1)

            if Convert.ToHexStringLower(SHA256.HashData stream) <> file.Sha256 then
                fault file.Path "its bytes are not those that were written (SHA-256 differs)")

    /// Reads the manifest and checks every file against it.
    let verify (folder: string) =
        let found = manifest folder

        for file in found.Files do
            verifyFile folder file

        found

    let info (folder: string) (manifest: Manifest) =
        let bytes = manifest.Files |> List.sumBy _.Bytes

        CheckpointInfo(
            Path.GetFileName folder,
            folder,
            manifest.Number,
            manifest.Position,
            manifest.Score,
            manifest.IsStageEnd,
            manifest.Created,
            bytes
        )

    /// The checkpoints whose manifests can be read, newest first.
    let list (root: string) =
        [
            for struct (_, path) in CheckpointNames.all root do
                match
                    (try
                        Ok(manifest path)
                     with CheckpointFault(file, reason) ->
                         Error(file, reason))
                with
                | Ok found -> info path found
                | Error _ -> ()
        ]
