using System.CommandLine;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Check;

/// <summary>kd check RECIPE.</summary>
internal static class CheckCommand
{
    private const string Warn = "warn";

    internal static Command Make(Screen screen)
    {
        var recipe = new Argument<string>("RECIPE") { Description = RecipePlace.Description };
        var output = new Option<string?>("--out")
        {
            Description = "Where the run would be, whose disk has to have room. Default: runs.",
            HelpName = "DIR",
        };
        var (set, plugins, threads) = (CommonOptions.Set(), CommonOptions.Plugins(), CommonOptions.Threads());
        var command = new Command(
            "check",
            "Tries a recipe for some steps: whether everything fits, what it will take. Writes nothing."
        )
        {
            recipe,
            output,
            set,
            plugins,
            threads,
        };
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            var read = host.ReadRecipe(parsed.GetRequiredValue(recipe), parsed.GetValue(set) ?? []);
            host.WarnOfReplaced(screen);
            host.StartTorch(parsed.GetValue(threads) ?? 0);
            var report = Preflight.Run(read, host.Made, new() { Layers = screen.Judge() });
            var free = FreeBytes(Path.GetFullPath(parsed.GetValue(output) ?? "runs"));
            screen.Tell(() => CheckReport.Json(read, report, free), () => CheckReport.Text(read, report, free));
            if (report.Layers is { Left.Count: > 0 } layers && read.WrongLayers != Warn)
                throw new KdException(CoreErrors.WrongLayers, $"{layers}.");
            if (report.MemoryLimitBytes < report.MemoryBytes)
                throw new KdException(
                    CoreErrors.Memory,
                    $"The run needs about {CheckReport.Bytes(report.MemoryBytes)} of memory, this process may use "
                        + $"{CheckReport.Bytes(report.MemoryLimitBytes)}."
                );
            if (free < report.DiskBytes)
                throw new KdException(
                    RunErrors.DiskFull,
                    $"The run needs {CheckReport.Bytes(report.DiskBytes)} of disk, {CheckReport.Bytes(free)} are free."
                );
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>What may be written to a folder, which need not exist yet: its volume is that of the nearest one above it that does.</summary>
    internal static long FreeBytes(string folder)
    {
        var place = folder;
        while (!Directory.Exists(place))
            place = Path.GetDirectoryName(place)!;
        return new DriveInfo(place).AvailableFreeSpace;
    }
}
