namespace KdPlugins.Core

open System.Collections.Generic
open KdPlugins.Torch

/// The failures of runs and checkpoints: 060x the run folder, 061x checkpoints, 062x the state that a strategy owns.
[<AbstractClass; Sealed>]
type RunErrors private () =

    static let entries = List<ErrorCode>()

    static let entry id title remedy =
        let code = ErrorCode(id, title, remedy)
        entries.Add code
        code

    /// The folder given is not one of a run.
    static member val RunMissing =
        entry "KDP0600" "a folder holds no run" "Give the folder of a run, or start a new one there."

    /// A new run was asked for in a folder that holds one.
    static member val RunExists =
        entry "KDP0601" "a folder holds a run already" "Resume that run, or give another folder."

    /// Another process, or another part of this one, works on the run.
    static member val RunLocked =
        entry "KDP0602" "a run is in use by another process" "Wait for that process or stop it, then try again."

    /// There is not enough space for a save, or the disk became full during one.
    static member val DiskFull =
        entry "KDP0603" "the disk is full" "Free some space and resume: what was saved before is intact."

    /// The file system refuses to write: permissions, or a read-only volume.
    static member val NotWritable =
        entry
            "KDP0604"
            "a run folder cannot be written"
            "Check permissions and whether the volume is mounted read-only."

    /// A file operation failed for another reason.
    static member val FileFailed =
        entry "KDP0605" "a file operation of a run failed" "Mend the cause named above and try again."

    /// A name cannot be used in the run folder.
    static member val BadName = entry "KDP0606" "a name cannot be a file name" "Use letters, digits, '-', '_' and '.'."

    /// The status file holds something else.
    static member val StatusUnreadable =
        entry "KDP0607" "a run's status cannot be read" "Resume the run: its status is written anew."

    /// A checkpoint was asked for by a name that there is not.
    static member val CheckpointMissing =
        entry "KDP0610" "there is no such checkpoint" "Name one of those listed above."

    /// A checkpoint's bytes are not those that were written, or there is none left that is intact.
    static member val CheckpointDamaged =
        entry "KDP0611" "a checkpoint is damaged" "Resume from an older one, or start the run again in a new folder."

    /// A checkpoint was written in a format of another major version.
    static member val CheckpointVersion =
        entry "KDP0612" "a checkpoint has an unknown format version" "Resume it with the release that wrote it."

    /// Recipe, plugins, teacher or data are not those that the checkpoint was made with.
    static member val Contradiction =
        entry
            "KDP0613"
            "a checkpoint belongs to something else"
            "Restore what changed, or resume with the override: the numbers are then those of neither."

    /// A checkpoint lacks a section or a counter that is asked for.
    static member val SectionMissing =
        entry "KDP0614" "a checkpoint lacks a part" "Resume with the recipe and plugins that the run was started with."

    /// A checkpoint is intact, and what it holds is not finite; or there is none left without that.
    static member val CheckpointNotFinite =
        entry
            "KDP0615"
            "a checkpoint holds NaN or infinity"
            "Start the run again in a new folder, with a lower learning rate."

    /// A run is done, and its recipe is no longer the one that was run: nothing is left to be trained by it.
    static member val FinishedChanged =
        entry
            "KDP0616"
            "the recipe of a finished run was changed"
            "Start a new run with the changed recipe, or restore recipe.json."

    /// A run that has begun was to go on with what would make it another experiment.
    static member val ChangeRefused =
        entry
            "KDP0617"
            "a run cannot go on with this change of its recipe"
            "Start a new run with it, kd run RECIPE --set PATH=VALUE: what a run may go on with says core/Core/Runs/README.md."

    /// The record of what a run was gone on with is damaged.
    static member val ChangesUnreadable =
        entry
            "KDP0618"
            "a run's record of changes cannot be read"
            "Restore changes.json from a copy; or delete it and resume with --override-changes, if recipe.json is what you want."

    /// Two parts of the state have one name.
    static member val StateDuplicate =
        entry "KDP0620" "a name of state is used twice" "Register every part of the state under a name of its own."

    /// Saved tensors are missing, unexpected, or of another shape or dtype.
    static member val StateMismatch =
        entry "KDP0621" "saved state does not fit" "Resume with the recipe and plugins that the run was started with."

    /// Columns, row counts, shapes or row numbers do not fit a pool.
    static member val PoolMisuse =
        entry "KDP0622" "rows do not fit a pool" "Append and read rows of the columns named above."

    /// Every entry of this list.
    static member All: IReadOnlyList<ErrorCode> = entries
