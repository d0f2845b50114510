using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host;

/// <summary>What the process tells its caller. The numbers are part of the interface and never change.</summary>
public static class ExitCodes
{
    /// <summary>All went well.</summary>
    public const int Done = 0;

    /// <summary>The command line cannot be understood, or something unexpected happened.</summary>
    public const int Failed = 1;

    /// <summary>A recipe, an option, or what they put together does not fit.</summary>
    public const int BadRecipe = 2;

    /// <summary>A plugin that is needed was refused or failed to load.</summary>
    public const int PluginRefused = 3;

    /// <summary>Data, weights or a checkpoint cannot be read, are damaged, or belong to something else.</summary>
    public const int Damaged = 4;

    /// <summary>The training diverged: a loss, a gradient, a weight or an evaluation is not finite.</summary>
    public const int Diverged = 5;

    /// <summary>A disk is full, a folder cannot be used, or another process holds the run.</summary>
    public const int Folder = 6;

    /// <summary>Stopped by Ctrl-C; the run can be resumed.</summary>
    public const int Interrupted = 130;

    /// <summary>Stopped by SIGTERM; the run can be resumed.</summary>
    public const int Terminated = 143;

    private const string DataKey = "KdPlugins.ExitCode";

    /// <summary>For the help text and the documentation.</summary>
    public static IReadOnlyList<(string Code, string Meaning)> Table { get; } =
    [
        ("0", "done"),
        ("1", "wrong usage, or an unexpected failure"),
        ("2", "a recipe or an option does not fit"),
        ("3", "a plugin that is needed was refused"),
        ("4", "data, weights or a checkpoint are damaged or belong to something else"),
        ("5", "the training diverged (a loss, a gradient, a weight or an evaluation is not finite)"),
        ("6", "a disk is full, or a folder cannot be used"),
        ("130", "stopped by Ctrl-C after a checkpoint; 'kd resume' goes on"),
        ("143", "stopped by SIGTERM after a checkpoint; 'kd resume' goes on"),
    ];

    /// <summary>The code for a failure.</summary>
    public static int Of(Exception error) =>
        error switch
        {
            // What a tool was refused it may tell in its own words.
            _ when (error.Data[DataKey] ?? error.InnerException?.Data[DataKey]) is int known => known,
            RecipeException recipe when recipe.Failures.Any(f => Room(f.Code) == "01") => PluginRefused,
            KdException failure => Of(failure.Code),
            IOException or UnauthorizedAccessException => Folder,
            _ => Failed,
        };

    /// <summary>Fixes the code of a failure that only the place it happened can judge.</summary>
    internal static void Mark(Exception error, int code) => error.Data[DataKey] = code;

    private static string Room(ErrorCode code) => code.Id.Substring(3, 2);

    private static int Of(ErrorCode code) =>
        TrainingErrors.Diverged.Contains(code) ? Diverged
        : PluginErrors.Unforeseen.Contains(code) || code == CoreErrors.ToolArguments ? Failed
        : code == CoreErrors.ToolInput ? Damaged
        // What is asked for does not fit; nothing of the run is damaged.
        : code == RunErrors.ChangeRefused ? BadRecipe
        // What a network computes is its plugin's, as a shape is.
        : code == TorchErrors.Graph || code == CommandErrors.ExportDiffers ? BadRecipe
        : Room(code) switch
        {
            "01" => PluginRefused,
            "02" or "03" or "07" => BadRecipe,
            "04" or "05" => Damaged,
            // 060x is the folder, all else is what lies in it.
            "06" => code.Id[5] == '0' ? Folder : Damaged,
            _ => Failed,
        };
}
