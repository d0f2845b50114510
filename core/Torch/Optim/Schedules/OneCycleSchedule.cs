namespace KdPlugins.Torch.Optim;

/// <summary>What a cycle looks like; the defaults are PyTorch's.</summary>
public sealed record OneCycleSettings
{
    /// <summary>The part of all steps in which the rate rises, from 0 to 1 (to 0.5 with three phases).</summary>
    public double RisingPart { get; init; } = 0.3;

    /// <summary>Whether the rate follows straight lines instead of half cosines.</summary>
    public bool Linear { get; init; }

    /// <summary>The peak divided by the rate at the start, 1 or more.</summary>
    public double StartDivisor { get; init; } = 25;

    /// <summary>The rate at the start divided by that at the end, 1 or more.</summary>
    public double EndDivisor { get; init; } = 1e4;

    /// <summary>Whether the rate falls back as it rose, and only then towards the end.</summary>
    public bool ThreePhases { get; init; }

    /// <summary>Whether the momentum (β1 with Adam) moves against the rate.</summary>
    public bool CyclesMomentum { get; init; } = true;

    /// <summary>The momentum at the peak of the rate, from 0 to 1.</summary>
    public double MinMomentum { get; init; } = 0.85;

    /// <summary>The momentum at the start and at the end, from 0 to 1.</summary>
    public double MaxMomentum { get; init; } = 0.95;
}

internal sealed class OneCycleSchedule : Schedule
{
    private readonly record struct Phase(
        double EndStep,
        double From,
        double To,
        double FromMomentum,
        double ToMomentum
    );

    private readonly OneCycleSettings _settings;

    internal OneCycleSchedule(OneCycleSettings settings)
    {
        Within("rising part", settings.RisingPart, 0, settings.ThreePhases ? 0.5 : 1);
        Within("start divisor", settings.StartDivisor, 1);
        Within("end divisor", settings.EndDivisor, 1);
        Within("smallest momentum", settings.MinMomentum, 0, 1);
        Within("largest momentum", settings.MaxMomentum, 0, 1);
        _settings = settings;
    }

    internal override double MultiplierAt(long step, long totalSteps)
    {
        var (phase, done) = Find(step, totalSteps);
        return Between(phase.From, phase.To, done);
    }

    internal override double? MomentumAt(long step, long totalSteps)
    {
        if (!_settings.CyclesMomentum)
            return null;
        var (phase, done) = Find(step, totalSteps);
        return Between(phase.FromMomentum, phase.ToMomentum, done);
    }

    // Phases end on fractions of steps, one step early each, as PyTorch has it.
    private (Phase Phase, double Done) Find(long step, long totalSteps)
    {
        var start = 1 / _settings.StartDivisor;
        var end = start / _settings.EndDivisor;
        var (low, high) = (_settings.MinMomentum, _settings.MaxMomentum);
        var rising = _settings.RisingPart * totalSteps;
        ReadOnlySpan<Phase> phases = _settings.ThreePhases
            ?
            [
                new(rising - 1, start, 1, high, low),
                new(2 * rising - 2, 1, start, low, high),
                new(totalSteps - 1, start, end, high, high),
            ]
            : [new(rising - 1, start, 1, high, low), new(totalSteps - 1, 1, end, low, high)];
        double begin = 0;
        foreach (var phase in phases[..^1])
        {
            if (step <= phase.EndStep)
                return (phase, Part(step, begin, phase.EndStep));
            begin = phase.EndStep;
        }
        return (phases[^1], Part(step, begin, phases[^1].EndStep));
    }

    private static double Part(long step, double begin, double end) =>
        end > begin ? Math.Min(1, (step - begin) / (end - begin)) : 1;

    private double Between(double from, double to, double done) =>
        _settings.Linear ? from + (to - from) * done : to + (from - to) / 2 * (Math.Cos(Math.PI * done) + 1);
}
