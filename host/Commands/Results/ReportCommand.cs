using System.CommandLine;
using KdPlugins.Core;
using KdPlugins.Host.Reports;
using KdPlugins.Host.Runs;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Results;

/// <summary>kd report RUN.</summary>
internal static class ReportCommand
{
    internal static Command Make(Screen screen)
    {
        var run = new Argument<string>("RUN") { Description = "A run's folder, complete or not." };
        var output = new Option<string?>("--out")
        {
            Description = $"The page's file. Default: {RunReport.FileName} in the folder.",
            HelpName = "FILE",
        };
        var command = new Command("report", "Makes a run's page anew from the files in its folder.") { run, output };
        command.SetAction(parsed =>
        {
            var folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(parsed.GetRequiredValue(run)));
            if (!RunFolder.Exists(folder) && !File.Exists(Path.Combine(folder, RunOrigin.FileName)))
                throw new KdException(RunErrors.RunMissing, $"'{folder}' holds no run.");
            var page = RunReport.Write(folder, parsed.GetValue(output) is { } file ? Path.GetFullPath(file) : null);
            screen.Tell(() => new() { ["event"] = "page", ["page"] = page }, () => $"The page is {page}.");
            return ExitCodes.Done;
        });
        return command;
    }
}
