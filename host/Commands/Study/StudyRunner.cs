using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>Carries out the runs of a study that are wanted and not done, several at a time.</summary>
/// <param name="folder">The study's folder.</param>
/// <param name="runs">All runs, in the order in which they are begun.</param>
/// <param name="request">How they are run.</param>
/// <param name="display">Who is told.</param>
/// <param name="saved">Called after every run that ended.</param>
internal sealed class StudyRunner(
    StudyFolder folder,
    IReadOnlyList<StudyRun> runs,
    StudyRequest request,
    StudyDisplay display,
    Action saved
)
{
    // A process of a study that was killed saves and ends by itself.
    private static readonly TimeSpan MostWait = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Returns when all are done, failed, or stopped.</summary>
    internal async Task Run(CancellationToken stop)
    {
        var open = runs.Where(r => r.IsWanted && r.State is StudyRunState.Missing or StudyRunState.Unfinished).ToList();
        Dictionary<Task, StudyRun> active = [];
        while (true)
        {
            RefuseLacking(open);
            while (!stop.IsCancellationRequested && active.Count < request.Jobs && Next(open) is { } next)
            {
                open.Remove(next);
                active[Carry(next, stop)] = next;
            }
            if (active.Count == 0)
                return;
            var ended = await Task.WhenAny(active.Keys);
            var run = active[ended];
            active.Remove(ended);
            await ended;
            display.Ended(run);
            saved();
        }
    }

    // What waits for a preparation that failed will never be able to begin.
    private void RefuseLacking(List<StudyRun> open)
    {
        foreach (var run in open.ToList())
        {
            var failed = Needed(run).FirstOrDefault(r => r.State == StudyRunState.Failed);
            if (failed is null)
                continue;
            open.Remove(run);
            var why = new KdException(
                StudyErrors.PreparationUnfinished,
                $"{run.Plan.Label} needs the {failed.Plan.Label}, which failed."
            );
            (run.State, run.Message, run.ExitCode) = (StudyRunState.Failed, why.Message, failed.ExitCode);
            display.Ended(run);
        }
    }

    private StudyRun? Next(List<StudyRun> open) =>
        open.FirstOrDefault(run => Needed(run).All(r => r.State == StudyRunState.Done));

    private IEnumerable<StudyRun> Needed(StudyRun run) => runs.Where(r => run.Plan.Needs.Contains(r.Plan.Folder));

    private async Task Carry(StudyRun run, CancellationToken stop)
    {
        // Off the thread that starts the others.
        await Task.Yield();
        try
        {
            if (!await IsFree(run, stop))
                return;
            var name = Path.GetRelativePath(folder.Path, run.Plan.Folder).Replace(Path.DirectorySeparatorChar, '-');
            var recipe = Path.Combine("recipes", $"{name}.json");
            folder.WriteFile(recipe, System.Text.Encoding.UTF8.GetBytes(run.Plan.Recipe.ToResolvedJson() + "\n"));
            var log = Path.Combine(folder.Path, "logs", $"{name}.log");
            var child = new StudyChild(run, request, Path.Combine(folder.Path, recipe), log);
            display.Started(run, child);
            await child.Run(said => display.Said(run, said), stop);
        }
        catch (Exception e)
        {
            (run.State, run.Message, run.ExitCode) = (
                StudyRunState.Failed,
                FailureText.Known(e).Message,
                ExitCodes.Of(e)
            );
        }
    }

    // Whether it can be begun; it may be done by then.
    private async Task<bool> IsFree(StudyRun run, CancellationToken stop)
    {
        var began = TimeProvider.System.GetTimestamp();
        var waited = false;
        while (Directory.Exists(run.Plan.Folder) && RunFolder.IsHeld(run.Plan.Folder))
        {
            if (stop.IsCancellationRequested)
            {
                run.State = StudyRunState.Stopped;
                return false;
            }
            if (TimeProvider.System.GetElapsedTime(began) > MostWait)
                throw new KdException(RunErrors.RunLocked, $"'{run.Plan.Folder}': another process works on it.");
            waited = true;
            await Task.Delay(Pause, CancellationToken.None);
        }
        if (waited)
            run.Look(request.MaxStepsPerStage);
        return run.State != StudyRunState.Done;
    }
}
