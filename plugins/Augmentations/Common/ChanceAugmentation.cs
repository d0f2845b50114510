using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Changes every image with a probability, independently of the others. Targets stay.</summary>
/// <typeparam name="TOptions">The augmentation's options.</typeparam>
public abstract class ChanceAugmentation<TOptions> : Augmentation<TOptions>
    where TOptions : ChanceOptions, new()
{
    private protected abstract string Id { get; }

    /// <summary>The chosen images [N, 1 or 3, H, W] changed, each by what follows from its key.</summary>
    private protected abstract Tensor Change(Tensor images, RandomKey[] keys);

    /// <summary>The batch with what was drawn beside the choice; a key per image.</summary>
    private protected virtual Batch Record(Batch batch, RandomKey[] keys) => batch;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the images have neither one nor three channels.</exception>
    public override IReadOnlyList<long> OutputShape(IReadOnlyList<long> inputShape) =>
        ImageBatch.RequireColours(inputShape, Id);

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: no images of one or three channels.</exception>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        ImageBatch.ColourSizes(batch, Id);
        OutputShape([.. batch.Input.shape[1..]]);
        var keys = Draws.PerSample(context.Random, batch.Indices);
        bool[] changed = [.. keys.Select(k => Draws.Unit(k.Derive("apply")) < Options.Probability)];
        var images = Rows.Change(batch.Input, changed, (some, rows) => Change(some, Rows.Of(keys, rows)));
        return Record(batch.WithInput(images).WithParameter($"{Id}.changed", tensor(changed)), keys);
    }
}
