namespace KdPlugins.Torch.Optim;

internal sealed class ConstantSchedule : Schedule
{
    internal override double MultiplierAt(long step, long totalSteps) => 1;
}

internal sealed class MultiStepSchedule : Schedule
{
    private readonly long[] _milestones;
    private readonly double _factor;

    internal MultiStepSchedule(long[] milestones, double factor)
    {
        for (var i = 0; i < milestones.Length; i++)
            Within($"milestone {i}", milestones[i], i == 0 ? 1 : milestones[i - 1] + 1);
        _milestones = milestones;
        _factor = Within("factor", factor, 0);
    }

    internal override double MultiplierAt(long step, long totalSteps) =>
        Math.Pow(_factor, _milestones.Count(m => m <= step));
}

internal sealed class ExponentialSchedule(double factor) : Schedule
{
    private readonly double _factor = Within("factor", factor, 0, 1);

    internal override double MultiplierAt(long step, long totalSteps) => Math.Pow(_factor, step);
}

internal sealed class CosineSchedule(double min) : Schedule
{
    private readonly double _min = Within("smallest multiplier", min, 0, 1);

    internal override double MultiplierAt(long step, long totalSteps)
    {
        var done = Math.Min(1, step / (double)totalSteps);
        return _min + (1 - _min) * (1 + Math.Cos(Math.PI * done)) / 2;
    }
}

internal sealed class PolynomialSchedule(double power, double end) : Schedule
{
    private readonly double _power = Within("power", power, double.Epsilon);
    private readonly double _end = Within("end", end, 0, 1);

    internal override double MultiplierAt(long step, long totalSteps)
    {
        var left = 1 - Math.Min(1, step / (double)totalSteps);
        return _end + (1 - _end) * Math.Pow(left, _power);
    }
}
