using KdPlugins.Torch;

namespace KdPlugins.Host;

/// <summary>The failures of the command line (08).</summary>
public static class CommandErrors
{
    /// <summary>Something that nobody foresaw.</summary>
    public static readonly ErrorCode Unexpected = new(
        "KDP0800",
        "a command failed unexpectedly",
        "Run the command again with --verbose, which shows where it happened."
    );

    /// <summary>The arguments cannot be understood.</summary>
    public static readonly ErrorCode Usage = new(
        "KDP0801",
        "the command line cannot be understood",
        "Add --help to the command to see what it takes."
    );

    /// <summary>A new run was asked for in a folder that has other things in it.</summary>
    public static readonly ErrorCode FolderInUse = new(
        "KDP0802",
        "the folder for a run is not empty",
        "Give --out a folder that is new or empty."
    );

    /// <summary>The file beside a run that says where it came from cannot be used.</summary>
    public static readonly ErrorCode BadOrigin = new(
        "KDP0803",
        "a run does not say where it came from",
        "Restore origin.json from a copy, or start the run again in a new folder."
    );

    /// <summary>A file is needed that is not there, or cannot be read.</summary>
    public static readonly ErrorCode FileUnreadable = new(
        "KDP0804",
        "a file cannot be read or written",
        "Check the path and the permissions."
    );

    /// <summary>Plugins were found that cannot be used.</summary>
    public static readonly ErrorCode PluginsRefused = new(
        "KDP0805",
        "a plugin folder has plugins that cannot be used",
        "Mend or remove what is named above; 'kd plugins explain ID' says more."
    );

    /// <summary>The tensors of a probe do not make what the plugin runs on.</summary>
    public static readonly ErrorCode ProbeInput = new(
        "KDP0806",
        "the tensors of a probe do not fit",
        "Change the input file; 'kd probe ID --list' says what the plugin takes."
    );

    /// <summary>A tensor of a probe serves nothing, such as a name with a slip in it.</summary>
    public static readonly ErrorCode ProbeUnread = new(
        "KDP0807",
        "a tensor of a probe is read by nothing",
        "Correct its name or leave it out; 'kd probe ID --list' says what the plugin takes."
    );

    /// <summary>What was named cannot be probed, or not without saying which.</summary>
    public static readonly ErrorCode ProbeKind = new(
        "KDP0808",
        "a plugin cannot be probed",
        "Name a loss, a model, an augmentation or a generator, with --kind where several have the id, or a --formula."
    );

    /// <summary>A plugin failed while it was probed.</summary>
    public static readonly ErrorCode ProbeFailed = new(
        "KDP0809",
        "a plugin failed while it was probed",
        "Check the input against what the plugin takes; --verbose shows where it happened."
    );

    /// <summary>A batch of probes, or a line of it, is not what it has to be.</summary>
    public static readonly ErrorCode ProbeBatch = new(
        "KDP0810",
        "a batch of probes cannot be carried out",
        "Write one JSON object per line, such as { \"id\": \"kd\", \"input\": \"in.safetensors\" }."
    );

    /// <summary>What a formula is given does not make its arguments.</summary>
    public static readonly ErrorCode ProbeArguments = new(
        "KDP0811",
        "the numbers of a formula do not fit",
        "Give tensors in the input and numbers, flags and names in --options; 'kd probe ID --list' says what it takes."
    );

    /// <summary>Nothing says which network weights belong to, or it is none that a student's commands can use.</summary>
    public static readonly ErrorCode NotRecorded = new(
        "KDP0820",
        "weights do not say which network they belong to, or it cannot be used here",
        "Take a file that a run has written, or name the recipe that it belongs to with --recipe."
    );

    /// <summary>A model that was exported does not answer as the network does.</summary>
    public static readonly ErrorCode ExportDiffers = new(
        "KDP0821",
        "an exported model answers otherwise than its network",
        "The network computes something that the export does not see, such as a change in place: let its author compute it by the functions of KdPlugins.Torch.Traced."
    );

    /// <summary>An ONNX model is damaged or no student.</summary>
    public static readonly ErrorCode OnnxUnusable = new(
        "KDP0822",
        "an ONNX model cannot be used",
        "Export the student again by 'kd export'."
    );

    /// <summary>Images cannot be prepared without the recipe.</summary>
    public static readonly ErrorCode PreprocessingUnknown = new(
        "KDP0823",
        "how images are prepared is nothing that can be done here",
        "Evaluate it with its recipe by 'kd eval', or prepare the images yourself by what kd.record says under \"preprocessing\"."
    );

    /// <summary>Images were passed over.</summary>
    public static readonly ErrorCode ImagesUnreadable = new(
        "KDP0824",
        "an image cannot be read",
        "Remove or replace the images that are named above; all others were predicted."
    );

    /// <summary>A native library that students are run by is nowhere.</summary>
    public static readonly ErrorCode StudentLibraryMissing = new(
        "KDP0825",
        "ONNX Runtime or SkiaSharp cannot be loaded",
        "Restore the packages (dotnet restore), or put the library that is named above beside kd."
    );

    /// <summary>A new recipe needs to know something, and nobody says it.</summary>
    public static readonly ErrorCode Unanswered = new(
        "KDP0830",
        "a question has no answer",
        "Give the flags that are named above, or run 'kd new' at a terminal."
    );

    /// <summary>What lies at a path is nothing that a new recipe could train on.</summary>
    public static readonly ErrorCode DataUnknown = new(
        "KDP0831",
        "data are of no form that is known",
        "Name a folder with one folder of images per class, a list, or files of another form that plugins/parts/Datasets/README.md describes."
    );

    /// <summary>A new recipe would take the place of a file.</summary>
    public static readonly ErrorCode RecipeExists = new(
        "KDP0832",
        "there is a file where a new recipe is to be",
        "Name another file with --out, or give --force to write over it."
    );

    /// <summary>A method or a teacher that was named needs more than a new recipe can say.</summary>
    public static readonly ErrorCode CannotBegin = new(
        "KDP0833",
        "a recipe cannot be begun with what was named",
        "Begin with the method's own recipe: kd recipes NAME > my.json"
    );

    /// <summary>Every entry of the command line.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } = ErrorCode.In(typeof(CommandErrors));
}
