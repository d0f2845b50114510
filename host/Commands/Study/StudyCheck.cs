using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Check;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>What a study will take: each arm, level and preparation is tried once, for some steps.</summary>
internal static class StudyCheck
{
    /// <summary>A kind of run of a study.</summary>
    /// <param name="Label">What it is called.</param>
    /// <param name="Open">So many of them are still to be made.</param>
    /// <param name="Report">What was measured; null where it reads data that no preparation has made yet.</param>
    private sealed record Tried(string Label, int Open, PreflightReport? Report);

    /// <summary>Tries, tells, and refuses what the machine does not have.</summary>
    /// <exception cref="KdException"><c>KDP0336</c>, or a plugin's: an arm cannot be run; its message says which.</exception>
    internal static int Run(
        Screen screen,
        PluginHost host,
        IReadOnlyList<StudyRun> runs,
        StudyRequest request,
        string root
    )
    {
        host.StartTorch(request.Threads);
        List<Tried> all = [];
        foreach (var group in runs.Where(r => r.IsWanted).GroupBy(r => (r.Plan.Arm, r.Plan.Preparation, r.Plan.Level)))
        {
            var first = group.First();
            var open = group.Count(r => r.State is not StudyRunState.Done);
            var label = Label(first.Plan);
            if (open == 0)
                all.Add(new(label, 0, null));
            else if (first.Plan.ForTrial() is { } recipe)
                all.Add(new(label, open, Try(screen, host, recipe, label)));
            else
                all.Add(new(label, open, null));
        }
        Tell(screen, all, request);
        var (disk, free) = (Disk(all), CheckCommand.FreeBytes(root));
        if (free < disk)
            throw new KdException(
                RunErrors.DiskFull,
                $"The study needs {CheckReport.Bytes(disk)} of disk, {CheckReport.Bytes(free)} are free."
            );
        return ExitCodes.Done;
    }

    private static long Disk(List<Tried> all) => all.Sum(t => t.Open * (t.Report?.DiskBytes ?? 0));

    private static PreflightReport Try(Screen screen, PluginHost host, Recipe recipe, string label)
    {
        try
        {
            return Preflight.Run(recipe, host.Made, new() { Layers = screen.Judge() });
        }
        catch (KdException e)
        {
            var named = new KdException(e.Code, $"{label}: {e.Detail}", null, e);
            ExitCodes.Mark(named, ExitCodes.Of(e));
            throw named;
        }
    }

    private static string Label(PlannedRun plan) =>
        plan.Arm is { } arm
            ? $"arm '{arm}'{(plan.Level is { } level ? $" at {StudyText.Level(level)}" : "")}"
            : $"preparation '{plan.Preparation}'";

    private static void Tell(Screen screen, List<Tried> all, StudyRequest request)
    {
        var seconds = all.Sum(t => t.Open * (t.Report?.Seconds ?? 0)) / request.Jobs;
        var memory = all.Max(t => t.Report?.MemoryBytes ?? 0) * request.Jobs;
        var disk = Disk(all);
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "study-check",
                    ["runs"] = new JsonArray([.. all.Select(Json)]),
                    ["jobs"] = request.Jobs,
                    ["seconds"] = Math.Round(seconds, 1),
                    ["memoryBytes"] = memory,
                    ["diskBytes"] = disk,
                    ["isWhole"] = all.All(t => t.Open == 0 || t.Report is not null),
                },
            () =>
            {
                var table = new TextTable("", "runs to make", "time of one", "memory", "disk of one");
                foreach (var tried in all)
                    table.Add(
                        tried.Label,
                        $"{tried.Open}",
                        tried.Report is { } r ? RunText.Duration(TimeSpan.FromSeconds(r.Seconds)) : Unknown(tried),
                        tried.Report is { } m ? CheckReport.Bytes(m.MemoryBytes) : "",
                        tried.Report is { } d ? CheckReport.Bytes(d.DiskBytes) : ""
                    );
                var least = all.Any(t => t.Open > 0 && t.Report is null) ? "at least " : "";
                return $"{table}\n\nthe whole: {least}about {RunText.Duration(TimeSpan.FromSeconds(seconds))}, "
                    + $"{CheckReport.Bytes(memory)} of memory, {CheckReport.Bytes(disk)} of disk";
            }
        );
    }

    private static string Unknown(Tried tried) => tried.Open == 0 ? "done" : "not known before its preparation";

    private static JsonNode Json(Tried tried) =>
        new JsonObject
        {
            ["name"] = tried.Label,
            ["open"] = tried.Open,
            ["seconds"] = tried.Report is { } r ? Math.Round(r.Seconds, 1) : null,
            ["memoryBytes"] = tried.Report?.MemoryBytes,
            ["diskBytes"] = tried.Report?.DiskBytes,
        };
}
