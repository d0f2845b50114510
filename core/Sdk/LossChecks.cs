using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>
/// What losses refuse alike: input of which nothing can be compared, whose loss would be one number for every network
/// and teach nothing, and masks that belong to something else. Every failure is <c>KDP0303</c> and names the loss.
/// </summary>
public static class LossChecks
{
    /// <summary>Refuses a batch of fewer samples than a comparison between samples needs.</summary>
    /// <param name="loss">The loss's id.</param>
    /// <param name="values">One row per sample: <c>[B, ...]</c>.</param>
    /// <param name="least">The fewest samples that differ in how they lie to each other: 2, or 3 where it is their proportions.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: B is below it.</exception>
    public static void RequireSamples(string loss, Tensor values, long least = 2)
    {
        if (values.dim() < 1 || values.shape[0] < least)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss '{loss}' compares the samples of a batch with each other and needs at least {least}, got "
                    + $"{TensorText.Shape(values.shape)}: it would be the same whatever the networks answer.",
                "Raise training.batchSize, or take a loss that looks at each sample alone."
            );
    }

    /// <summary>Refuses feature maps of a single position for what compares positions.</summary>
    /// <param name="loss">The loss's id.</param>
    /// <param name="taps">The taps that are compared, each [channels, height, width], and whose they are.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: one is of a single position.</exception>
    public static void RequirePositions(string loss, params ReadOnlySpan<(string Role, Tap Tap)> taps)
    {
        foreach (var (role, tap) in taps)
            if (tap.Shape[1] * tap.Shape[2] == 1)
                throw new KdException(
                    CoreErrors.ShapesDiffer,
                    $"Loss '{loss}' compares the positions of feature maps and needs at least 2, got {tap} of "
                        + $"'{role}': it would be the same whatever the networks answer.",
                    "Name taps nearer to the input, or give larger images."
                );
    }

    /// <summary>Refuses logits of a single class, whose softmax is always 1.</summary>
    /// <param name="loss">The loss's id.</param>
    /// <param name="logits"><c>[B, C]</c>, <c>[B, C, h, w]</c> or <c>[B, L, V]</c>.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: C is 1.</exception>
    public static void RequireClasses(string loss, Tensor logits)
    {
        if (logits.dim() > 1 && logits.shape[(int)KdMath.ClassDimension(logits)] < 2)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss '{loss}' compares classes and needs at least 2, got logits {TensorText.Shape(logits.shape)}: "
                    + "it would be the same whatever the networks answer.",
                "Train on data of two classes at least."
            );
    }

    /// <summary>Refuses a mask that does not say of every position whether it counts.</summary>
    /// <param name="loss">The loss's id.</param>
    /// <param name="mask">bool, true where a position counts; null for none.</param>
    /// <param name="positions">The shape it has to have, such as <c>[B, L]</c>; one that broadcasts to it is another one.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: another shape or dtype.</exception>
    public static void RequireMask(string loss, Tensor? mask, ReadOnlySpan<long> positions)
    {
        if (mask is not null && (mask.dtype != ScalarType.Bool || !mask.shape.AsSpan().SequenceEqual(positions)))
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss '{loss}' got the mask {TensorText.Describe(mask)} for positions {TensorText.Shape(positions)}: "
                    + $"expected Bool{TensorText.Shape(positions)}.",
                "Give one value per position; a mask is not broadcast."
            );
    }
}
