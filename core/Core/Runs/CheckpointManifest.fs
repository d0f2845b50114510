namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open KdPlugins.Torch

/// One file of a checkpoint. section: null for the state file.
[<Sealed; AllowNullLiteral>]
type internal ManifestFile(path: string, section: string, bytes: int64, sha256: string) =
    member _.Path = path
    member _.Section = section
    member _.Bytes = bytes
    member _.Sha256 = sha256

type internal Manifest =
    {
        Number: int64
        Created: DateTimeOffset
        Position: RunPosition
        Score: Nullable<double>
        IsStageEnd: bool
        Identity: RunIdentity
        /// The length of the event log when the checkpoint was made.
        EventBytes: int64
        Files: ManifestFile list
    }

/// Why a checkpoint cannot be used.
exception internal CheckpointFault of file: string * reason: string

/// manifest.json: its first line holds the SHA-256 of all bytes behind that line, so that no byte of it can change
/// unnoticed. Minor versions add properties; readers ignore those they do not know.
module internal ManifestFormat =

    let fileName = "manifest.json"

    /// Bytes of a manifest, and of the counters beside it.
    let largest = 64 <<< 20

    let private format = "kdplugins-checkpoint"
    let private major = 1
    let private minor = 0
    let private prefix = "{ \"manifestSha256\": \""
    let private suffix = "\",\n"
    let private hashLength = 64
    let private bodyStart = prefix.Length + hashLength + suffix.Length

    let private options = JsonWriterOptions(Indented = true, NewLine = "\n")

    let private writeMap (json: Utf8JsonWriter) (name: string) (map: IReadOnlyDictionary<string, string>) =
        json.WriteStartObject name

        for entry in map |> Seq.sortWith (fun a b -> String.CompareOrdinal(a.Key, b.Key)) do
            json.WriteString(entry.Key, entry.Value)

        json.WriteEndObject()

    let private writePosition (json: Utf8JsonWriter) (position: RunPosition) =
        json.WriteStartObject "position"
        json.WriteString("stage", position.Stage)
        json.WriteNumber("stageIndex", position.StageIndex)
        json.WriteNumber("stageStep", position.StageStep)
        json.WriteNumber("step", position.Step)
        json.WriteString("phase", position.Phase)
        json.WriteEndObject()

    let private writeIdentity (json: Utf8JsonWriter) (identity: RunIdentity) =
        json.WriteStartObject "identity"
        json.WriteString("recipe", identity.Recipe)
        writeMap json "plugins" identity.Plugins
        writeMap json "networks" identity.Networks
        writeMap json "data" identity.Data
        json.WriteString("build", identity.Build)
        json.WriteString("libtorch", identity.LibTorch)
        json.WriteEndObject()

    let private writeFiles (json: Utf8JsonWriter) (files: ManifestFile list) =
        json.WriteStartArray "files"

        for file in files do
            json.WriteStartObject()
            json.WriteString("path", file.Path)

            if not (isNull file.Section) then
                json.WriteString("section", file.Section)

            json.WriteNumber("bytes", file.Bytes)
            json.WriteString("sha256", file.Sha256)
            json.WriteEndObject()

        json.WriteEndArray()

    let private body (manifest: Manifest) =
        use buffer = new MemoryStream()

        (use json = new Utf8JsonWriter(buffer, options)
         json.WriteStartObject()
         json.WriteString("format", format)
         json.WriteString("version", $"{major}.{minor}")
         json.WriteNumber("number", manifest.Number)
         json.WriteString("created", manifest.Created)
         writePosition json manifest.Position

         if manifest.Score.HasValue && Double.IsFinite manifest.Score.Value then
             json.WriteNumber("score", manifest.Score.Value)

         json.WriteBoolean("stageEnd", manifest.IsStageEnd)
         writeIdentity json manifest.Identity
         json.WriteNumber("eventBytes", manifest.EventBytes)
         writeFiles json manifest.Files
         json.WriteEndObject())

        // The opening brace and its line end go into the first line.
        buffer.ToArray()[2..]

    let write (manifest: Manifest) =
        let rest = body manifest
        let hash = Convert.ToHexStringLower(SHA256.HashData rest)
        Array.append (Encoding.ASCII.GetBytes(prefix + hash + suffix)) rest

    let private fault reason = raise (CheckpointFault(fileName, reason))

    /// A name that cannot lead out of the folder.
    let private insideName (path: string) =
        if
            String.IsNullOrEmpty path
            || path = "."
            || path = ".."
            || path.IndexOfAny [| '/'; '\\'; ':'; '\000' |] >= 0
        then
            fault $"it names the file '{path}', which is outside the checkpoint"

        path

    let private readMap (element: JsonElement) : IReadOnlyDictionary<string, string> =
        let map = Dictionary<string, string>()

        for property in element.EnumerateObject() do
            map[property.Name] <- property.Value.GetString()

        map

    let private readIdentity (element: JsonElement) =
        RunIdentity(
            element.GetProperty("recipe").GetString(),
            readMap (element.GetProperty "plugins"),
            readMap (element.GetProperty "networks"),
            readMap (element.GetProperty "data"),
            element.GetProperty("build").GetString(),
            element.GetProperty("libtorch").GetString()
        )

    let private readPosition (element: JsonElement) =
        RunPosition(
            element.GetProperty("stage").GetString(),
            element.GetProperty("stageIndex").GetInt32(),
            element.GetProperty("stageStep").GetInt64(),
            element.GetProperty("step").GetInt64(),
            element.GetProperty("phase").GetString()
        )

    let private readFile (element: JsonElement) =
        let section =
            match element.TryGetProperty "section" with
            | true, value -> value.GetString()
            | _ -> null

        ManifestFile(
            insideName (element.GetProperty("path").GetString()),
            section,
            element.GetProperty("bytes").GetInt64(),
            element.GetProperty("sha256").GetString()
        )

    let private readFiles (element: JsonElement) =
        let files = [ for file in element.EnumerateArray() -> readFile file ]
        let names = files |> List.map _.Path.ToLowerInvariant()

        if List.length (List.distinct names) <> List.length names then
            fault "it names a file twice"

        files

    let private checkVersion (folder: string) (root: JsonElement) =
        let version = root.GetProperty("version").GetString()

        if version.Split('.')[0] <> string major then
            Fail.error
                RunErrors.CheckpointVersion
                $"'{folder}' is of format {version}; this release reads {major}.x, written by itself as {major}.{minor}."

    let private parse (folder: string) (bytes: byte[]) =
        use document = JsonDocument.Parse bytes
        let root = document.RootElement

        if root.GetProperty("format").GetString() <> format then
            fault $"it is not a {format}"

        checkVersion folder root

        {
            Number = root.GetProperty("number").GetInt64()
            Created = root.GetProperty("created").GetDateTimeOffset()
            Position = readPosition (root.GetProperty "position")
            Score =
                (match root.TryGetProperty "score" with
                 | true, value -> Nullable(value.GetDouble())
                 | _ -> Nullable())
            IsStageEnd = root.GetProperty("stageEnd").GetBoolean()
            Identity = readIdentity (root.GetProperty "identity")
            EventBytes = root.GetProperty("eventBytes").GetInt64()
            Files = readFiles (root.GetProperty "files")
        }

    /// Reads and checks a manifest. Raises CheckpointFault for damage, KDP0612 for another major version.
    let read (folder: string) (bytes: byte[]) =
        let head = Encoding.Latin1.GetString(bytes, 0, min bytes.Length bodyStart)

        if
            bytes.Length <= bodyStart
            || not (head.StartsWith(prefix, StringComparison.Ordinal))
            || not (head.EndsWith(suffix, StringComparison.Ordinal))
        then
            fault "its first line is not that of a manifest"

        let hash =
            Convert.ToHexStringLower(SHA256.HashData(ReadOnlySpan(bytes, bodyStart, bytes.Length - bodyStart)))

        if head.Substring(prefix.Length, hashLength) <> hash then
            fault "its bytes are not those that were written (SHA-256 differs)"

        try
            parse folder bytes
        with
        | :? JsonException
        | :? FormatException
        | :? InvalidOperationException
        | :? NullReferenceException
        | :? KeyNotFoundException as e -> fault $"it cannot be understood ({e.Message.TrimEnd('.')})"
