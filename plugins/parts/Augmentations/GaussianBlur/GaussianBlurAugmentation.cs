using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Averages the neighbours of every pixel under a bell curve of random width, in some images.</summary>
[KdAugmentation("gaussian-blur", Description = "Blurs images by a random width, for values in [0, 1]")]
public sealed class GaussianBlurAugmentation : ChanceAugmentation<GaussianBlurOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the images have neither one nor three channels, or are no larger than half of the square.
    /// </exception>
    public override IReadOnlyList<long> OutputShape(IReadOnlyList<long> inputShape)
    {
        base.OutputShape(inputShape);
        // Beyond the edge the image is mirrored once.
        if (Math.Min(inputShape[1], inputShape[2]) <= Options.Size / 2)
            throw Asker.WrongShape(
                $"averages {Options.Size}x{Options.Size} pixels and got images of {inputShape[1]}x{inputShape[2]}: sides have to be above {Options.Size / 2}."
            );
        return inputShape;
    }

    private protected override DrawnAmount? Amount => new("sigmas", Options.MinSigma, Options.MaxSigma, Sigma);

    private protected override Tensor Change(Tensor images, double[] amounts) =>
        FilterOps.GaussianBlur(images, Options.Size, amounts);

    private double Sigma(RandomKey key) =>
        Options.MinSigma + Draws.Unit(key.Derive("sigma")) * (Options.MaxSigma - Options.MinSigma);
}
