using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Commands.Study;

/// <summary>How long the rest of a study will take, by the runs that are done: those of the same arm and level, or else of all.</summary>
internal sealed class StudyClock(TimeProvider time, int jobs)
{
    private readonly Dictionary<StudyRun, long> _began = [];
    private readonly Dictionary<StudyRun, double> _took = [];

    internal void Started(StudyRun run) => _began[run] = time.GetTimestamp();

    internal void Ended(StudyRun run)
    {
        if (run.State == StudyRunState.Done)
            _took[run] = Elapsed(run).TotalSeconds;
        _began.Remove(run);
    }

    internal TimeSpan Elapsed(StudyRun run) =>
        _began.TryGetValue(run, out var began) ? time.GetElapsedTime(began) : TimeSpan.Zero;

    /// <summary>Null before any run is done. all: every run that was, is or will be.</summary>
    internal TimeSpan? Left(IReadOnlyList<StudyRun> all)
    {
        var done = all.Where(r => r.State == StudyRunState.Done)
            .Select(r => (Run: r, Seconds: Seconds(r)))
            .Where(r => r.Seconds > 0)
            .ToList();
        var open = all.Where(r => r.IsWanted && r.State is StudyRunState.Missing or StudyRunState.Unfinished).ToList();
        if (open.Count == 0)
            return TimeSpan.Zero;
        // Preparations are other work than arms.
        var alike = done.Where(d => d.Run.Plan.Arm is not null == open.Any(r => r.Plan.Arm is not null)).ToList();
        if (alike.Count == 0)
            return null;
        var seconds = open.Sum(run =>
        {
            var same = done.Where(d => IsAlike(d.Run, run)).Select(d => d.Seconds).ToList();
            var expected = same.Count > 0 ? same.Average() : alike.Average(d => d.Seconds);
            return Math.Max(0, expected - Elapsed(run).TotalSeconds);
        });
        return TimeSpan.FromSeconds(seconds / Math.Min(jobs, open.Count));
    }

    private double Seconds(StudyRun run) =>
        _took.TryGetValue(run, out var took) ? took : Json.Number(run.Report, "seconds") ?? 0;

    private static bool IsAlike(StudyRun a, StudyRun b) =>
        a.Plan.Arm == b.Plan.Arm
        && a.Plan.Preparation == b.Plan.Preparation
        && Nullable.Equals(a.Plan.Level, b.Plan.Level);
}
