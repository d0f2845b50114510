using KdPlugins.Core;

namespace KdPlugins.Sdk;

/// <summary>The base of augmentations: batch in, batch out, deterministic in the context's random stream.</summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class Augmentation<TOptions>
    : Plugin<TOptions>,
        IAugmentation,
        IValueRangeAugmentation,
        ISampleWiseAugmentation
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public virtual void Bind(DataInfo data) { }

    /// <inheritdoc/>
    public virtual bool InEvaluation => false;

    /// <inheritdoc/>
    public virtual IReadOnlyCollection<string> Consults => [];

    /// <inheritdoc/>
    public abstract Batch Apply(Batch batch, IPartContext context);

    /// <inheritdoc/>
    public virtual IReadOnlyList<long> OutputShape(IReadOnlyList<long> inputShape) => inputShape;

    /// <inheritdoc/>
    /// <remarks>Unknown unless it is overridden: <c>=&gt; inputRange</c> where values are moved and not changed.</remarks>
    public virtual ValueRange OutputRange(ValueRange inputRange) => ValueRange.Unknown;

    /// <inheritdoc/>
    /// <remarks>False unless it is overridden: <c>=&gt; true</c> where nothing is mixed, consulted or counted.</remarks>
    public virtual bool IsSampleWise => false;
}
