using KdPlugins.Core;

namespace KdPlugins.Host.Commands.Run;

/// <summary>How long the rest of a stage will take, by its pace since it began or was resumed.</summary>
internal sealed class StageClock(TimeProvider time)
{
    private long _began = time.GetTimestamp();
    private long _from;

    internal void Start(Progress progress) => (_began, _from) = (time.GetTimestamp(), progress.Step);

    /// <summary>Null before the first step.</summary>
    internal TimeSpan? Left(Progress progress)
    {
        var done = progress.Step - _from;
        return done <= 0 ? null : time.GetElapsedTime(_began) * ((progress.TotalSteps - progress.Step) / (double)done);
    }
}
