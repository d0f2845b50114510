using KdPlugins.Core;

namespace KdPlugins.Sdk;

/// <summary>The base of meters: states what it measures, and measures one network at a time.</summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class Meter<TOptions> : Plugin<TOptions>, IMeter
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public abstract IReadOnlyCollection<TargetKind> Targets { get; }

    /// <inheritdoc/>
    public abstract IReadOnlyList<MeterValue> Values { get; }

    /// <inheritdoc/>
    public virtual string Chooser => Values[0].Name;

    /// <inheritdoc/>
    public virtual bool IsDefault => false;

    /// <inheritdoc/>
    public virtual IReadOnlyCollection<string> Taps(NetworkShape shape) => [];

    /// <inheritdoc/>
    public abstract IMeasurement Begin(MeterBinding binding);
}
