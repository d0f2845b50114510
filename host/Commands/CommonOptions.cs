using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace KdPlugins.Host.Commands;

/// <summary>Options that several commands take; each command gets its own instances.</summary>
internal static class CommonOptions
{
    /// <summary>How arguments are read: as they stand.</summary>
    internal static ParserConfiguration Plain => new() { ResponseFileTokenReplacer = null };

    internal static Option<string?> Plugins() =>
        new("--plugins")
        {
            Description =
                "The folder of plugins, one subfolder or .kdplugin file each, or one such file. Default: KD_PLUGINS, or 'plugins' beside kd.",
            HelpName = "DIR",
        };

    internal static Option<bool> Supervised() =>
        new("--supervised")
        {
            Description = "Stops as after SIGTERM when standard input is closed: for whoever starts it as a child.",
            Hidden = true,
        };

    internal static Option<string[]> Within() =>
        new("--within")
        {
            Description = "A folder below which the recipe's files have to lie; may be repeated. For the service.",
            HelpName = "DIR",
            Hidden = true,
        };

    internal static Option<string[]> Set() =>
        new("--set")
        {
            Description =
                "Replaces a value of the recipe, such as training.epochs=3 or losses[1].weight=0.5; may be repeated.",
            HelpName = "PATH=VALUE",
        };

    internal static Option<long?> MaxSteps() =>
        new("--max-steps-per-stage")
        {
            Description = "Ends every stage after so many steps, to try a recipe; 0 for no limit.",
            HelpName = "N",
            Validators =
            {
                result =>
                {
                    if (Number(result) < 0)
                        result.AddError("--max-steps-per-stage must be at least 0.");
                },
            },
        };

    internal static Option<int?> Threads() =>
        new("--threads")
        {
            Description = "Threads that libtorch computes with. Default: one per processor.",
            HelpName = "N",
            Validators =
            {
                result =>
                {
                    if (Number(result) is < 1 or > 1024)
                        result.AddError("--threads must be between 1 and 1024.");
                },
            },
        };

    // Null for what is no number: the parser says that itself.
    private static long? Number(OptionResult result) =>
        result.Tokens is [var token] && long.TryParse(token.Value, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
