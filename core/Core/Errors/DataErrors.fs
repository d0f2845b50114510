namespace KdPlugins.Core

open System.Collections.Generic
open KdPlugins.Torch

/// The failures of data sets (04), shared by all plugins that open one.
[<AbstractClass; Sealed>]
type DataErrors private () =

    static let entries = List<ErrorCode>()

    static let entry id title remedy =
        let code = ErrorCode(id, title, remedy)
        entries.Add code
        code

    static let notFound =
        entry
            "KDP0401"
            "a data file or folder is missing"
            "Correct the path in the data set's options, or put the data there."

    static let splitMissing =
        entry "KDP0402" "a data set has no such split" "Name one of the splits listed above."

    static let badIndex =
        entry "KDP0403" "a sample number is out of range" "Ask for numbers from 0 to the number of samples less one."

    static let damagedFile =
        entry
            "KDP0404"
            "a data file is not of the expected format"
            "Get the file again, or choose the data set plugin of its format."

    static let labelOutOfRange =
        entry
            "KDP0405"
            "a label lies outside the classes"
            "Get the file again, or correct the option that says which labels it holds."

    static let tooLarge =
        entry "KDP0406" "data exceed a limit" "Make the data smaller, or raise the limit in the data set's options."

    static let emptyClass =
        entry "KDP0407" "a class or a split has no samples" "Put samples into the folder named above, or remove it."

    static let imageUnreadable =
        entry "KDP0408" "an image cannot be read" "Replace or remove the image named above."

    static let sizesDiffer =
        entry "KDP0409" "images differ in size" "Set \"size\" in the data set's options, so that images are resized."

    static let linkLoop =
        entry "KDP0410" "links lead back into the folder" "Remove the symbolic link named above."

    static let accessDenied =
        entry "KDP0411" "data may not be read" "Grant this user the right to read it."

    static let contentChanged =
        entry
            "KDP0412"
            "data are not what their card describes"
            "Make or get the data set again; its files belong together."

    static let unfitDraw =
        entry
            "KDP0416"
            "a given draw does not fit"
            "Give what the plugin could have drawn, in the form in which it records its own draws."

    /// A path that options name does not exist.
    static member NotFound = notFound

    /// A split was asked for that the data set does not have.
    static member SplitMissing = splitMissing

    /// A sample was asked for that the split does not have.
    static member BadIndex = badIndex

    /// A file is truncated, has a wrong magic number, or sizes that contradict each other.
    static member DamagedFile = damagedFile

    /// A label is not below the number of classes.
    static member LabelOutOfRange = labelOutOfRange

    /// An image, an archive or a file is larger than its limit.
    static member TooLarge = tooLarge

    /// A class folder or a split holds no samples.
    static member EmptyClass = emptyClass

    /// An image file cannot be decoded.
    static member ImageUnreadable = imageUnreadable

    /// Images of several sizes and no size to bring them to.
    static member SizesDiffer = sizesDiffer

    /// Symbolic links form a loop.
    static member LinkLoop = linkLoop

    /// The operating system refuses to open a file or folder.
    static member AccessDenied = accessDenied

    /// A file's SHA-256 or its content contradicts the card beside it.
    static member ContentChanged = contentChanged

    /// A draw that stands in place of a plugin's own has another shape or a value that cannot be drawn.
    static member UnfitDraw = unfitDraw

    /// Every entry.
    static member All: IReadOnlyList<ErrorCode> = entries
