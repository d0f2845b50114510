using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace Plugin._1;

/// <summary>Multiplies every image by a factor of its own and cuts the values off at 0 and 1.</summary>
[KdAugmentation(
    "plugin-id-1",
    Version = "1.0.0",
    Description = "A brightness of its own for every image; before images are normalised"
)]
public sealed class KdClassAugmentation : Augmentation<KdClassOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the batch is not one of images.</exception>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var images = batch.Input; // [batch, channels, height, width]
        if (images.dim() != 4)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Augmentation 'plugin-id-1' takes images [batch, channels, height, width], got {TensorText.Describe(images)}."
            );
        // Drawn on the CPU, so that every device sees the same factors.
        using var random = context.Random.NewGenerator(CPU);
        var factors = (rand([batch.Count, 1, 1, 1], generator: random) * 2 - 1) * Options.Strength + 1;
        factors = factors.to(images.dtype).to(images.device);
        return batch.WithInput((images * factors).clamp(0, 1)).WithParameter("plugin-id-1.factor", factors.flatten());
    }
}
