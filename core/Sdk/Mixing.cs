using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>Samples made of two of a batch: images and targets alike, once it is known who is mixed with whom.</summary>
public static class Mixing
{
    /// <summary>The share of every sample's own target plus the rest of its partner's.</summary>
    /// <param name="target">Classes or soft values.</param>
    /// <param name="partners">int64 <c>[B]</c>, on the target's device.</param>
    /// <param name="share">Of the sample itself, in [0, 1].</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="asker">Who mixes.</param>
    /// <param name="dtype">The images' own: shares of classes are given in it, in float32 at least.</param>
    /// <exception cref="Torch.KdException"><c>KDP0304</c>: targets of another kind.</exception>
    public static SoftTarget Blend(
        Target target,
        Tensor partners,
        double share,
        long classes,
        Asker asker,
        ScalarType dtype
    )
    {
        var values = target is ClassIndexTarget index
            ? nn.functional.one_hot(index.Labels, classes).to(dtype == ScalarType.Float64 ? dtype : ScalarType.Float32)
            : TargetReader.As<SoftTarget>(target, $"{asker}").Values;
        return new SoftTarget(LabelMath.Blend(values, partners, share));
    }

    /// <summary>
    /// Every sample with the partner's pixels in one rectangle: class maps are pasted along, other targets blended.
    /// </summary>
    /// <param name="batch">Images <c>[B, C, H, W]</c>.</param>
    /// <param name="box">The rectangle; the far edges do not belong to it.</param>
    /// <param name="share">How much of the image stays, in [0, 1].</param>
    /// <param name="partners">int64 <c>[B]</c>.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="asker">Who mixes.</param>
    /// <param name="unlabelled">Whether samples may have no targets.</param>
    /// <exception cref="Torch.KdException"><c>KDP0304</c>: targets of another kind.</exception>
    public static Batch Paste(
        Batch batch,
        (long Top, long Left, long Bottom, long Right) box,
        double share,
        Tensor partners,
        long classes,
        Asker asker,
        bool unlabelled = false
    )
    {
        var (input, shape) = (batch.Input, batch.Input.shape);
        var others = partners.to(input.device);
        var pasted = Range(shape[2], box.Top, box.Bottom, input.device)
            .unsqueeze(1)
            .logical_and(Range(shape[3], box.Left, box.Right, input.device));
        var target = batch.Target switch
        {
            ClassMapTarget map => new ClassMapTarget(
                where(pasted, map.Labels.index_select(0, others), map.Labels),
                map.IgnoreIndex
            ),
            NoTarget none when unlabelled => none,
            var mixed => (Target)Blend(mixed, others, share, classes, asker, input.dtype),
        };
        return batch.WithInput(where(pasted, input.index_select(0, others), input)).WithTarget(target);
    }

    private static Tensor Range(long length, long from, long to, Device device)
    {
        var places = arange(length, ScalarType.Int64, device);
        return places.ge(from).logical_and(places.lt(to));
    }
}
