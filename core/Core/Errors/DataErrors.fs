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

    /// A path that options name does not exist.
    static member val NotFound =
        entry
            "KDP0401"
            "a data file or folder is missing"
            "Correct the path in the data set's options, or put the data there."

    /// A split was asked for that the data set does not have.
    static member val SplitMissing =
        entry "KDP0402" "a data set has no such split" "Name one of the splits listed above."

    /// A sample was asked for that the split does not have.
    static member val BadIndex =
        entry "KDP0403" "a sample number is out of range" "Ask for numbers from 0 to the number of samples less one."

    /// A file is truncated, has a wrong magic number, or sizes that contradict each other.
    static member val DamagedFile =
        entry
            "KDP0404"
            "a data file is not of the expected format"
            "Get the file again, or choose the data set plugin of its format."

    /// A label is not below the number of classes.
    static member val LabelOutOfRange =
        entry
            "KDP0405"
            "a label lies outside the classes"
            "Get the file again, or correct the option that says which labels it holds."

    /// An image, an archive or a file is larger than its limit.
    static member val TooLarge =
        entry "KDP0406" "data exceed a limit" "Make the data smaller, or raise the limit in the data set's options."

    /// A class folder or a split holds no samples.
    static member val EmptyClass =
        entry "KDP0407" "a class or a split has no samples" "Put samples into the folder named above, or remove it."

    /// An image file cannot be decoded.
    static member val ImageUnreadable =
        entry "KDP0408" "an image cannot be read" "Replace or remove the image named above."

    /// Images of several sizes and no size to bring them to.
    static member val SizesDiffer =
        entry "KDP0409" "images differ in size" "Set \"size\" in the data set's options, so that images are resized."

    /// Symbolic links form a loop.
    static member val LinkLoop =
        entry "KDP0410" "links lead back into the folder" "Remove the symbolic link named above."

    /// The operating system refuses to open a file or folder.
    static member val AccessDenied = entry "KDP0411" "data may not be read" "Grant this user the right to read it."

    /// A file's SHA-256 or its content contradicts the card beside it.
    static member val ContentChanged =
        entry
            "KDP0412"
            "data are not what their card describes"
            "Make or get the data set again; its files belong together."

    /// A draw that stands in place of a plugin's own has another shape or a value that cannot be drawn.
    static member val UnfitDraw =
        entry
            "KDP0416"
            "a given draw does not fit"
            "Give what the plugin could have drawn, in the form in which it records its own draws."

    /// A file that holds a whole network, not its weights alone, cannot be used as one.
    static member val NetworkFile =
        entry
            "KDP0417"
            "the file of a network cannot be used"
            "Export the network again: one file, float32, its logits as an output, any number of images as a batch."

    /// Every entry.
    static member All: IReadOnlyList<ErrorCode> = entries
