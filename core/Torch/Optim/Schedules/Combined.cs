namespace KdPlugins.Torch.Optim;

internal sealed class WarmUpSchedule(Schedule inner, long steps, double start, bool overlaps) : Schedule
{
    private readonly long _steps = (long)Within("warm-up", steps, 0);
    private readonly double _start = Within("start of the warm-up", start, 0, 1);

    internal override double MultiplierAt(long step, long totalSteps)
    {
        var rise = step < _steps ? _start + (1 - _start) * step / _steps : 1;
        if (overlaps)
            return rise * inner.MultiplierAt(step, totalSteps);
        return step < _steps ? rise : inner.MultiplierAt(step - _steps, Rest(totalSteps));
    }

    internal override double? MomentumAt(long step, long totalSteps) =>
        overlaps ? inner.MomentumAt(step, totalSteps) : inner.MomentumAt(Math.Max(0, step - _steps), Rest(totalSteps));

    private long Rest(long totalSteps) => Math.Max(1, totalSteps - _steps);
}

internal sealed class StaircaseSchedule(Schedule inner, long steps) : Schedule
{
    private readonly long _steps = (long)Within("number of steps per group", steps, 1);

    internal override double MultiplierAt(long step, long totalSteps) =>
        inner.MultiplierAt(step / _steps, Groups(totalSteps));

    internal override double? MomentumAt(long step, long totalSteps) =>
        inner.MomentumAt(step / _steps, Groups(totalSteps));

    // The last group may be shorter than the others.
    private long Groups(long totalSteps) => (totalSteps + _steps - 1) / _steps;
}
