using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>A study that is to be started or gone on with.</summary>
/// <param name="Study">The study.</param>
/// <param name="Record">How it is started.</param>
/// <param name="Request">The same, and what is asked of this command alone.</param>
/// <param name="Root">Its folder.</param>
/// <param name="Runs">All of its runs, looked at.</param>
internal sealed record StudyJob(
    Core.Study Study,
    StudyRecord Record,
    StudyRequest Request,
    string Root,
    IReadOnlyList<StudyRun> Runs
)
{
    private const string ReplacedFolder = "replaced";
    private const int MostNamed = 5;

    /// <summary>Carries it out, shows it, and gives the exit code.</summary>
    /// <exception cref="KdException"><c>KDP0631</c>: runs are of other recipes; <c>KDP0633</c>: some failed.</exception>
    internal int Execute(Screen screen)
    {
        RequireUnchanged();
        using var folder = StudyFolder.Take(Root);
        Replace(folder);
        StudyFiles.Write(folder, Report());
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "study",
                    ["name"] = Study.Name,
                    ["folder"] = Root,
                    ["runs"] = Runs.Count,
                    ["done"] = Runs.Count(r => r.State == StudyRunState.Done),
                    ["wanted"] = Runs.Count(r => r.IsWanted),
                },
            () =>
                $"{Study.Name} in {Root}: {Runs.Count(r => r.State == StudyRunState.Done)} of {Runs.Count} runs are done"
        );
        using var stop = StopRequest.Listen(() =>
            screen.Warn("Stopping: the runs save after their present step; a second signal ends at once.")
        );
        var display = new StudyDisplay(screen, Runs, Report, Request.Jobs, TimeProvider.System);
        var runner = new StudyRunner(folder, Runs, Request, display, () => StudyFiles.Write(folder, Report()));
        runner.Run(stop.Token).GetAwaiter().GetResult();
        StudyFiles.Write(folder, Report());
        return End(screen, stop.ExitCode);
    }

    private StudyReport Report() => StudyReport.Make(Study, Record, Root, Runs);

    private int End(Screen screen, int stopped)
    {
        var report = Report();
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = stopped != 0 ? "study-stopped" : "study-done",
                    ["folder"] = Root,
                    ["exitCode"] = stopped,
                    ["results"] = report.ToJson(),
                },
            () =>
                $"\n{StudyText.Tables(report)}\n\n"
                + (
                    stopped != 0
                        ? $"Stopped; what is done is saved. Go on with: kd study {Root}"
                        : $"The study is in {Root}: {StudyFiles.PageName}, {StudyFiles.MarkdownName}, {StudyRecord.FileName}."
                )
        );
        if (stopped != 0)
            return stopped;
        var failed = Runs.Where(r => r.State == StudyRunState.Failed).ToList();
        if (failed.Count == 0)
            return ExitCodes.Done;
        var named = string.Join(" ", failed.Take(MostNamed).Select(r => $"{r.Plan.Label}: {r.Message.TrimEnd('.')}."));
        var more = failed.Count > MostNamed ? $" And {failed.Count - MostNamed} more." : "";
        var error = new KdException(
            StudyErrors.RunsFailed,
            $"{failed.Count} of {Runs.Count(r => r.IsWanted)} runs failed. {named}{more}"
        );
        ExitCodes.Mark(error, failed[0].ExitCode);
        throw error;
    }

    private void RequireUnchanged()
    {
        var changed = Runs.Where(r => r.IsWanted && r.State == StudyRunState.Changed).ToList();
        if (changed.Count == 0 || Request.Redo)
            return;
        var named = string.Join("; ", changed.Take(MostNamed).Select(r => $"{r.Plan.Label}: {r.Message}"));
        var more = changed.Count > MostNamed ? $"; and {changed.Count - MostNamed} more" : "";
        throw new KdException(
            StudyErrors.RunChanged,
            $"{changed.Count} runs in '{Root}' are of other recipes: {named}{more}."
        );
    }

    // What read a preparation that is made anew is made anew too, and moved first: a kill in between leaves what is consistent.
    private void Replace(StudyFolder folder)
    {
        if (!Request.Redo)
            return;
        var changed = Runs.Where(r => r.IsWanted && r.State == StudyRunState.Changed).ToHashSet();
        for (var before = -1; before != changed.Count; )
        {
            before = changed.Count;
            var folders = changed.Select(r => r.Plan.Folder).ToHashSet();
            changed.UnionWith(Runs.Where(r => r.State != StudyRunState.Missing && r.Plan.Needs.Any(folders.Contains)));
        }
        foreach (var run in changed.OrderBy(r => r.Plan.Arm is null).ThenByDescending(r => r.Plan.Needs.Count))
        {
            if (RunFolder.IsHeld(run.Plan.Folder))
                throw new KdException(RunErrors.RunLocked, $"'{run.Plan.Folder}': another process works on it.");
            var name = Path.GetRelativePath(folder.Path, run.Plan.Folder).Replace(Path.DirectorySeparatorChar, '-');
            var target = Enumerable
                .Range(1, int.MaxValue)
                .Select(n => Path.Combine(folder.Path, ReplacedFolder, $"{name}-{n}"))
                .First(path => !Directory.Exists(path));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            Directory.Move(run.Plan.Folder, target);
            run.Look(Request.MaxStepsPerStage);
        }
    }
}
