using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Reports;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Run;

/// <summary>A run that is to be started or gone on with.</summary>
/// <param name="Recipe">The recipe.</param>
/// <param name="Folder">The run's folder.</param>
/// <param name="MaxStepsPerStage">See the option.</param>
/// <param name="Resume">How to go on.</param>
internal sealed record RunJob(Recipe Recipe, string Folder, long MaxStepsPerStage, ResumeOptions Resume)
{
    /// <summary>Runs it, shows it, and gives the exit code.</summary>
    internal int Execute(Screen screen, PluginHost plugins)
    {
        var display = IRunDisplay.For(screen, Recipe.Seeds.Count);
        using var stop = StopRequest.Listen(() => Stopping(screen));
        ExperimentEnd? end = null;
        var options = new SessionOptions
        {
            MaxStepsPerStage = MaxStepsPerStage,
            Rehearse = true,
            Layers = screen.Judge(),
            Observer = display,
            ExitCode = error => error is OperationCanceledException ? stop.ExitCode : ExitCodes.Of(error),
        };
        display.During(() => end = Experiment.Run(Recipe, Folder, plugins.Made, options, Resume, stop.Token));
        return end!.State == SessionEnd.Done ? Done(screen, end.Report) : Stopped(screen, stop.ExitCode);
    }

    /// <summary>Shows the report of a run that is complete.</summary>
    internal int Done(Screen screen, JsonObject report)
    {
        var page = RunReport.TryWrite(Folder, message => Warn(screen, message));
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "done",
                    ["folder"] = Folder,
                    ["page"] = page,
                    ["report"] = report.DeepClone(),
                },
            () => $"\n{ResultTable.Of(report)}\n\n{Files(report)}"
        );
        return ExitCodes.Done;
    }

    private int Stopped(Screen screen, int exitCode)
    {
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "stopped",
                    ["folder"] = Folder,
                    ["exitCode"] = exitCode,
                },
            () => $"Stopped; a checkpoint is saved. Go on with: kd resume {Folder}"
        );
        return exitCode;
    }

    private string Files(JsonObject report)
    {
        var student = $"{Json.Text(report, "result") ?? Roles.Student}.safetensors";
        string[] names = [RunReport.FileName, "report.json", .. Recipe.Seeds.Count == 1 ? [student] : (string[])[]];
        var files = names.Where(n => File.Exists(Path.Combine(Folder, n)));
        return $"The run is in {Folder}: {string.Join(", ", files)}.";
    }

    internal static void Warn(Screen screen, string message) =>
        screen.Tell(() => new() { ["event"] = "warning", ["message"] = message }, () => $"warning: {message}");

    private static void Stopping(Screen screen)
    {
        const string text = "Stopping after this step; a second signal ends at once.";
        if (screen.Json)
            screen.Emit(new() { ["event"] = "stopping", ["message"] = text });
        else
            screen.Error.WriteLine(text);
    }
}
