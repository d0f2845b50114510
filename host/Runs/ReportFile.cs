using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Runs;

/// <summary>Reports of runs that are complete.</summary>
internal static class ReportFile
{
    internal const string Name = "report.json";

    /// <summary>The report of a run's folder, or in a file.</summary>
    /// <exception cref="KdException"><c>KDP0804</c>: there is none, or it is no report.</exception>
    internal static JsonObject Read(string run)
    {
        var path = File.Exists(run) ? run : Path.Combine(run, Name);
        if (!File.Exists(path))
            throw Unreadable(
                Directory.Exists(run)
                    ? $"'{run}' has no {Name}: the run is not complete."
                    : $"There is no folder '{run}'.",
                "Resume the run to its end, or name another."
            );
        try
        {
            if (Json.Read(path) is var report && report.ContainsKey("format"))
                return report;
            throw Unreadable($"'{path}' is no report of a run.");
        }
        catch (JsonException e)
        {
            throw Unreadable($"'{path}' is no report of a run: {e.Message}");
        }
    }

    private static KdException Unreadable(string detail, string? remedy = null)
    {
        var error = new KdException(CommandErrors.FileUnreadable, detail, remedy);
        ExitCodes.Mark(error, ExitCodes.Damaged);
        return error;
    }
}
