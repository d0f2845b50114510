using KdPlugins.Core;

namespace KdPlugins.Sdk;

/// <summary>The base of strategies: the plan of a method, as a list of stages.</summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class DistillationStrategy<TOptions> : Plugin<TOptions>, IDistillationStrategy
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public virtual IReadOnlyCollection<string> Needs => [Roles.Teacher, Roles.Student];

    /// <inheritdoc/>
    public virtual string Result => Roles.Student;

    /// <inheritdoc/>
    public abstract IReadOnlyList<Stage> Plan(IPlanContext context);
}
