namespace KdPlugins.Core

open System.Collections.Generic
open KdPlugins.Torch

/// The failures of studies: 022x what a file says, 063x what lies in a study's folder.
[<AbstractClass; Sealed>]
type StudyErrors private () =

    static let entries = List<ErrorCode>()

    static let entry id title remedy =
        let code = ErrorCode(id, title, remedy)
        entries.Add code
        code

    /// A name that the study does not have: of an arm, a seed, a measure, a parameter or a preparation.
    static member val NameUnknown =
        entry "KDP0220" "a study has no such name" "Correct the name, or add it to the study."

    /// Arms that are made from each other.
    static member val Circle =
        entry "KDP0221" "arms are made from each other in a circle" "Let one of them have a recipe, or the study's."

    /// Values that the caller has to give.
    static member val ParameterMissing =
        entry "KDP0222" "a parameter of a study has no value" "Give each one that is named above: --with NAME=VALUE."

    /// A value that does not fit its parameter.
    static member val ParameterRefused =
        entry "KDP0223" "a parameter of a study does not fit" "Give a value as the study's file describes it."

    /// Two names that lead to one folder.
    static member val FolderTwice =
        entry "KDP0224" "two names of a study lead to one folder" "Give one of them another name."

    /// The folder was made by another study.
    static member val AnotherStudy =
        entry
            "KDP0630"
            "a folder belongs to another study"
            "Give --out another folder, or name the study it was made by."

    /// A run that is there was made by another recipe than its arm has now.
    static member val RunChanged =
        entry
            "KDP0631"
            "runs of a study are of other recipes than the study's file has now"
            "Restore the file, give --out a new folder, or run them anew with --redo, which keeps the old ones under 'replaced'."

    /// study.json is damaged.
    static member val RecordUnreadable =
        entry
            "KDP0632"
            "the record of a study cannot be read"
            "Restore study.json from a copy, or delete it and start the same study again: finished runs are kept."

    /// Some runs failed, the others are there.
    static member val RunsFailed =
        entry
            "KDP0633"
            "runs of a study failed"
            "Mend what is named above and start the same command again: finished runs are kept."

    /// An arm needs what a preparation has not made.
    static member val PreparationUnfinished =
        entry
            "KDP0634"
            "a preparation of a study is not finished"
            "Mend what stopped the preparation and start the same command again."

    /// Every entry of this list.
    static member All: IReadOnlyList<ErrorCode> = entries
