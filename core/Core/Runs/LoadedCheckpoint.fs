namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// A checkpoint whose every byte was verified, opened for reading. Dispose it when everything is taken from it.
[<Sealed; AllowNullLiteral>]
type LoadedCheckpoint
    internal
    (
        info: CheckpointInfo,
        identity: RunIdentity,
        eventBytes: int64,
        counters: IReadOnlyDictionary<string, int64>,
        facts: JsonObject,
        sections: IReadOnlyDictionary<string, SafeTensorsFile>
    ) =

    let missing (what: string) (name: string) (there: string seq) =
        let known = String.concat ", " there
        Fail.error RunErrors.SectionMissing $"Checkpoint '{info.Name}' has no {what} '{name}'; it has: {known}."

    /// What it is.
    member _.Info = info

    /// Where the run stood.
    member _.Position = info.Position

    /// What it belongs to.
    member _.Identity = identity

    member internal _.EventBytes = eventBytes

    /// The counters by name.
    member _.Counters = counters

    /// The facts as they were given.
    member _.Facts = facts

    /// The names of the sections.
    member _.Sections: IReadOnlyCollection<string> = [| yield! sections.Keys |]

    /// A section's tensors, valid until the checkpoint is disposed. Raises KDP0614 where there is none of that name.
    member _.Section(name: string) : IWeightSource =
        match sections.TryGetValue name with
        | true, file -> file
        | _ -> missing "section" name sections.Keys

    /// A counter's value. Raises KDP0614 where there is none of that name.
    member _.Counter(name: string) : int64 =
        match counters.TryGetValue name with
        | true, value -> value
        | _ -> missing "counter" name counters.Keys

    /// Newer checkpoints that are damaged and were passed over, with file and reason; empty for none.
    member val Skipped: IReadOnlyList<string> = Array.Empty<string>() with get, internal set

    /// What contradicts the run that goes on, and was overridden; empty for nothing.
    member val Overridden: IReadOnlyList<string> = Array.Empty<string>() with get, internal set

    /// Why numbers may differ in the last bits from those of an uninterrupted run; empty for nothing.
    member val EnvironmentChanges: IReadOnlyList<string> = Array.Empty<string>() with get, internal set

    /// Closes its files.
    member _.Dispose() =
        for file in sections.Values do
            file.Dispose()

    interface IDisposable with
        member this.Dispose() = this.Dispose()

module internal CheckpointOpener =

    let private openSections (folder: string) (manifest: Manifest) =
        let opened = Dictionary<string, SafeTensorsFile>()

        try
            for file in manifest.Files do
                if not (isNull file.Section) then
                    try
                        opened.Add(file.Section, SafeTensorsFile.Open(Path.Combine(folder, file.Path)))
                    with
                    | :? KdException as e -> raise (CheckpointFault(file.Path, e.Detail.TrimEnd '.'))
                    | :? ArgumentException ->
                        raise (CheckpointFault(ManifestFormat.fileName, $"it has two sections '{file.Section}'"))

            opened
        with _ ->
            for file in opened.Values do
                file.Dispose()

            reraise ()

    let private readState (folder: string) (manifest: Manifest) =
        let name = CheckpointState.fileName

        if manifest.Files |> List.forall (fun file -> file.Path <> name) then
            raise (CheckpointFault(ManifestFormat.fileName, $"it does not name {name}"))

        try
            CheckpointState.read (PlainFile.ReadBytes(Path.Combine(folder, name), ManifestFormat.largest))
        with
        | :? IOException as e -> raise (CheckpointFault(name, $"it cannot be read ({e.Message.TrimEnd('.')})"))
        | :? JsonException
        | :? InvalidOperationException
        | :? FormatException
        | :? NullReferenceException as e ->
            raise (CheckpointFault(name, $"it cannot be understood ({e.Message.TrimEnd('.')})"))

    /// Verifies and opens. Raises CheckpointFault for damage, KDP0612 for another major version.
    let openFolder (folder: string) =
        let manifest = CheckpointReader.verify folder
        let struct (counters, facts) = readState folder manifest
        let sections = openSections folder manifest

        new LoadedCheckpoint(
            CheckpointReader.info folder manifest,
            manifest.Identity,
            manifest.EventBytes,
            counters,
            facts,
            sections
        )
