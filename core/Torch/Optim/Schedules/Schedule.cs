using TorchSharp;
using static TorchSharp.torch.optim;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// A learning rate schedule without memory: what holds in a step is a function of the step's number and of how many
/// there are, so that a resumed run needs nothing but its counter. Multipliers refer to the learning rate that the
/// optimiser's group was made with.
/// </summary>
/// <remarks>Steps count from 0. Beyond the last step the last value holds.</remarks>
public abstract class Schedule
{
    /// <summary>The rate stays.</summary>
    public static Schedule Constant { get; } = new ConstantSchedule();

    /// <summary>The rate is multiplied by a factor at each milestone.</summary>
    /// <param name="milestones">Steps from which the factor holds, above 0 and rising.</param>
    /// <param name="factor">The factor, 0 or more.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a value out of range.</exception>
    public static Schedule MultiStep(IEnumerable<long> milestones, double factor = 0.1) =>
        new MultiStepSchedule([.. milestones], factor);

    /// <summary>The rate is multiplied by a factor in every step.</summary>
    /// <param name="factor">The factor, from 0 to 1.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a value out of range.</exception>
    public static Schedule Exponential(double factor) => new ExponentialSchedule(factor);

    /// <summary>Half a cosine from 1 down to a smallest multiplier, which is reached after the last step.</summary>
    /// <param name="min">The smallest multiplier, from 0 to 1.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a value out of range.</exception>
    public static Schedule Cosine(double min = 0) => new CosineSchedule(min);

    /// <summary>From 1 down to an end as (1 − step/steps)^power; the end is reached after the last step.</summary>
    /// <param name="power">The power, above 0; 1 is a straight line.</param>
    /// <param name="end">The multiplier at the end, from 0 to 1.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a value out of range.</exception>
    public static Schedule Polynomial(double power = 1, double end = 0) => new PolynomialSchedule(power, end);

    /// <summary>
    /// One cycle (Smith and Topin 2018), as PyTorch's <c>OneCycleLR</c>: up to the group's own rate, down again far below the
    /// start, and the momentum the other way round.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0750</c>: a value out of range.</exception>
    public static Schedule OneCycle(OneCycleSettings? settings = null) =>
        new OneCycleSchedule(settings ?? new OneCycleSettings());

    /// <summary>The factor on the learning rate in a step.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="totalSteps">How many steps there are, 1 or more.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a number out of range.</exception>
    public double Multiplier(long step, long totalSteps)
    {
        Check(step, totalSteps);
        return MultiplierAt(step, totalSteps);
    }

    /// <summary>The momentum (β1 with Adam) in a step, or null where the schedule leaves it alone.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="totalSteps">How many steps there are, 1 or more.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a number out of range.</exception>
    public double? Momentum(long step, long totalSteps)
    {
        Check(step, totalSteps);
        return MomentumAt(step, totalSteps);
    }

    /// <summary>The schedule behind a linear rise.</summary>
    /// <param name="steps">The length of the rise in steps, 0 or more.</param>
    /// <param name="start">The multiplier in step 0, from 0 to 1.</param>
    /// <param name="overlaps">Whether the schedule runs during the rise, which then scales it; otherwise it begins
    /// after the rise and has the remaining steps.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a value out of range.</exception>
    public Schedule WarmUp(long steps, double start = 0, bool overlaps = false) =>
        new WarmUpSchedule(this, steps, start, overlaps);

    /// <summary>The schedule counted in groups of steps, such as epochs: constant within each, milestones in epochs.</summary>
    /// <param name="steps">Steps per group, 1 or more.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a value out of range.</exception>
    public Schedule Every(long steps) => new StaircaseSchedule(this, steps);

    /// <summary>Sets what holds in a step on every group of an optimiser, from the group's initial learning rate.</summary>
    /// <param name="optimizer">Any TorchSharp optimiser with groups.</param>
    /// <param name="step">The step, from 0.</param>
    /// <param name="totalSteps">How many steps there are, 1 or more.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a number out of range.</exception>
    public void Apply(Optimizer optimizer, long step, long totalSteps)
    {
        var multiplier = Multiplier(step, totalSteps);
        var momentum = MomentumAt(step, totalSteps);
        foreach (var group in optimizer.ParamGroups)
        {
            group.LearningRate = group.InitialLearningRate * multiplier;
            if (momentum is not { } value)
                continue;
            if (group is IMomentum withMomentum)
                withMomentum.Momentum = value;
            else if (group is IBetas withBetas)
                withBetas.Betas = (value, withBetas.Betas.Item2);
        }
    }

    internal abstract double MultiplierAt(long step, long totalSteps);

    internal virtual double? MomentumAt(long step, long totalSteps) => null;

    private protected static double Within(string name, double value, double min, double max = double.MaxValue) =>
        value >= min && value <= max
            ? value
            : throw new KdException(
                OptimErrors.Setting,
                max == double.MaxValue
                    ? FormattableString.Invariant($"A schedule's {name} is {value}, but must be at least {min}.")
                    : FormattableString.Invariant($"A schedule's {name} is {value}, but must be from {min} to {max}.")
            );

    private static void Check(long step, long totalSteps)
    {
        Within("step", step, 0);
        Within("number of steps", totalSteps, 1);
    }
}
