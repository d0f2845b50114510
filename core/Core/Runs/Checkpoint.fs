namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text
open KdPlugins.Torch

/// How a resume deals with damage and with contradictions.
[<Sealed>]
type ResumeOptions() =

    /// Whether a damaged newest checkpoint is an error; otherwise the newest intact one is taken.
    member val Strict = false with get, set

    /// Whether changed recipe, plugins, networks or data are accepted; the event log records it.
    member val OverrideContradictions = false with get, set

    /// The recipe that the run had, where the one that it is to go on with is a change of it; null where it is the same. What may
    /// change is allowed without OverrideContradictions, and recorded; all else is refused (KDP0617).
    member val ChangedFrom: Recipe = Unchecked.defaultof<_> with get, set

module private Retention =

    /// The folders to delete, oldest first: all but the policy's, unreadable ones counted as old.
    let superfluous (root: string) (policy: KeepPolicy) =
        let readable = CheckpointReader.list root

        let best (stage: CheckpointInfo list) =
            stage
            |> List.filter _.Score.HasValue
            |> List.sortByDescending _.Score.Value
            |> List.truncate 1

        let kept =
            HashSet<string>(
                seq {
                    yield! readable |> Seq.truncate (max 1 policy.Newest)

                    if policy.StageEnds then
                        yield! readable |> Seq.filter _.IsStageEnd

                    if policy.Best then
                        yield! readable |> List.groupBy _.Position.Stage |> Seq.collect (snd >> best)
                }
                |> Seq.map _.Path
            )

        [
            for struct (_, path) in CheckpointNames.all root |> Array.rev do
                if not (kept.Contains path) then
                    path
        ]

    let temporaryOf (folder: string) =
        Path.Combine(Path.GetDirectoryName folder, "." + Path.GetFileName folder + RunIo.temporarySuffix)

    /// Deletes a folder so that a crash leaves it whole or under a name that nobody reads.
    let remove (files: IRunFiles) (folder: string) =
        let temporary = temporaryOf folder
        files.Move(folder, temporary)
        files.DeleteFolder temporary

/// Saving and finding the checkpoints of a run.
///
/// A checkpoint is a folder below "checkpoints": a safetensors file per section, state.json with counters and facts, and
/// manifest.json with position, identity, and the size and SHA-256 of every file. It is written under a temporary name,
/// forced onto the disk and renamed, so that it is there as a whole or not at all. Only then does the pointer
/// "checkpoints/latest" (a file that holds the folder's name) move, and only then are older ones deleted.
[<AbstractClass; Sealed>]
type Checkpoint private () =

    static let damaged (folder: string) (file: string) (reason: string) =
        Fail.error RunErrors.CheckpointDamaged $"'{folder}', file {file}: {reason}."

    static let discard (files: IRunFiles) (temporary: string) =
        try
            if Directory.Exists temporary then
                files.DeleteFolder temporary
        with
        | :? IOException
        | :? UnauthorizedAccessException -> () // swept by the next save

    /// Older ones go only after the new one has been read back.
    static let prune (files: IRunFiles) (root: string) (newest: string) (keep: KeepPolicy) =
        match Retention.superfluous root keep with
        | [] -> ()
        | old ->
            try
                CheckpointReader.verify newest |> ignore
            with CheckpointFault(file, reason) ->
                damaged newest file $"{reason}, though it has just been written; no older one was deleted"

            for folder in old do
                Retention.remove files folder

            files.FlushFolder root

    static let nextNumber (root: string) =
        match CheckpointNames.all root with
        | [||] -> 1L
        | all -> let struct (newest, _) = all[0] in newest + 1L

    static let write (folder: RunFolder) (content: CheckpointContent) (identity: RunIdentity) =
        let files, root = folder.Files, folder.CheckpointsPath
        RunIo.sweep files root
        let number = nextNumber root
        let target = Path.Combine(root, CheckpointNames.make number content.Position)
        let temporary = Retention.temporaryOf target

        let manifest =
            {
                Number = number
                Created = folder.Time.GetUtcNow()
                Position = content.Position
                Score = content.Score
                IsStageEnd = content.IsStageEnd
                Identity = identity
                EventBytes =
                    (if File.Exists folder.EventsPath then
                         FileInfo(folder.EventsPath).Length
                     else
                         0L)
                Files = []
            }

        try
            let struct (complete, _) = CheckpointWriter.write files temporary content manifest
            files.Move(temporary, target)
            files.FlushFolder root
            CheckpointReader.info target complete
        with _ ->
            discard files temporary
            reraise ()

    /// Saves the state of a run between two steps. What is in the content is only read.
    /// Raises KDP0603 where the disk has no room for it, KDP0603 to KDP0605 where writing fails, KDP0611 where the disk
    /// does not give back what was written; all checkpoints from before are there then.
    static member Save(folder: RunFolder, content: CheckpointContent, identity: RunIdentity, keep: KeepPolicy) =
        folder.RequireFree(CheckpointWriter.estimate content)

        RunIo.guard "Saving a checkpoint" folder.CheckpointsPath (fun () ->
            let saved = write folder content identity
            let latest = Path.Combine(folder.CheckpointsPath, CheckpointNames.latest)
            RunIo.replace folder.Files latest (Encoding.UTF8.GetBytes saved.Name)
            prune folder.Files folder.CheckpointsPath saved.Path keep
            saved)

    /// The checkpoints of a run's folder whose manifests can be read, newest first; their files are not verified. Takes
    /// no lock.
    static member List(runPath: string) : IReadOnlyList<CheckpointInfo> =
        let root = Path.Combine(Path.GetFullPath runPath, "checkpoints")
        RunIo.guard "Listing checkpoints" root (fun () -> CheckpointReader.list root |> List.toArray :> _)

    /// Verifies and opens the checkpoint in a folder. Takes no lock.
    /// Raises KDP0610 where there is no such folder, KDP0611 naming the damaged file, KDP0612 for another major version.
    static member Open(checkpointPath: string) : LoadedCheckpoint =
        let path = Path.TrimEndingDirectorySeparator(Path.GetFullPath checkpointPath)

        if not (Directory.Exists path) then
            let root = Path.GetDirectoryName path

            let there =
                CheckpointNames.all root |> Seq.map (fun (struct (_, p)) -> Path.GetFileName p)

            let known = String.concat ", " there
            Fail.error RunErrors.CheckpointMissing $"There is no '{path}'; beside it there are: {known}."

        try
            CheckpointOpener.openFolder path
        with CheckpointFault(file, reason) ->
            damaged path file reason

    /// The newest intact checkpoint, verified and opened; null where the run has saved none yet.
    /// now: what the run is made of now, compared with what the checkpoint was made with.
    /// Raises KDP0611 where none is intact (strict: where the newest is not), KDP0612 for another major version, KDP0613
    /// with all contradictions unless they are overridden.
    static member LoadNewest(folder: RunFolder, now: RunIdentity, options: ResumeOptions) : LoadedCheckpoint =
        Checkpoint.LoadNewest(folder, now, options, (fun _ -> false), (fun _ -> null))

    /// The same, passing over those that are intact and hold values that are not finite, as earlier releases saved them.
    /// allows: whether the recipe of an identity may be another one than now's, since what changed is recorded.
    /// complaint: what of an opened checkpoint is not finite, in words; null for nothing.
    /// Raises KDP0615 where none is left (strict: for the newest), too.
    static member internal LoadNewest
        (
            folder: RunFolder,
            now: RunIdentity,
            options: ResumeOptions,
            allows: string -> bool,
            complaint: LoadedCheckpoint -> string
        ) : LoadedCheckpoint =
        let root = folder.CheckpointsPath
        RunIo.guard "Removing what a crash left" root (fun () -> RunIo.sweep folder.Files root)
        let skipped = List<string>()
        let notFinite = List<string>()

        let tryOpen (path: string) =
            let name = Path.GetFileName path

            try
                let found = CheckpointOpener.openFolder path

                match complaint found with
                | null -> Some found
                | values ->
                    found.Dispose()

                    if options.Strict then
                        Fail.error RunErrors.CheckpointNotFinite $"'{path}': {values}."

                    notFinite.Add name
                    skipped.Add $"'{name}': {values}"
                    None
            with CheckpointFault(file, reason) ->
                if options.Strict then
                    damaged path file reason

                skipped.Add $"'{name}', file {file}: {reason}"
                None

        match CheckpointNames.all root |> Seq.tryPick (fun (struct (_, path)) -> tryOpen path) with
        | None when skipped.Count = 0 -> null
        | None ->
            let all = String.concat "; " skipped

            let code =
                if notFinite.Count > 0 then
                    RunErrors.CheckpointNotFinite
                else
                    RunErrors.CheckpointDamaged

            Fail.error code $"None in '{root}' can be gone on from: {all}."
        | Some found ->
            let saved = found.Identity

            let contradictions =
                saved.Contradictions(
                    if allows saved.Recipe then
                        now.WithRecipe saved.Recipe
                    else
                        now
                )

            if contradictions.Count > 0 && not options.OverrideContradictions then
                (found :> IDisposable).Dispose()
                let all = String.concat "; " contradictions
                Fail.error RunErrors.Contradiction $"'{found.Info.Name}' in '{root}': {all}."

            found.Skipped <- skipped
            found.Overridden <- contradictions
            found.EnvironmentChanges <- found.Identity.EnvironmentChanges now
            found
