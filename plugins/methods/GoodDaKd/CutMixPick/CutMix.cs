using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>CutMix as CutMixPick builds its pool of: one rectangle and one pairing without fixed points per batch.</summary>
internal static class CutMix
{
    /// <summary>Draws a rectangle: lam from U(0, 1), then the centre's column and row, anywhere.</summary>
    public static CutMixBox Draw(SeededRandom random, long height, long width)
    {
        var share = random.NextDouble();
        var x = random.NextInt64(width);
        return CutMixBox.Of(share, x, random.NextInt64(height), height, width);
    }

    /// <summary>Partners of the samples, int64 [count] on the CPU; nobody is its own. Count at least 2.</summary>
    public static Tensor Partners(SeededRandom random, long count)
    {
        var partners = new long[count];
        // Drawn again until no point is fixed, as in the official code: every such permutation is equally likely.
        do
        {
            for (long i = 0; i < count; i++)
                partners[i] = i;
            random.Shuffle<long>(partners);
        } while (partners.Where((partner, i) => partner == i).Any());
        return tensor(partners);
    }

    /// <summary>x' = x outside of the rectangle, the partner's pixels inside; targets in proportion.</summary>
    /// <param name="batch">Images <c>[B, C, H, W]</c>.</param>
    /// <param name="box">The rectangle.</param>
    /// <param name="partners">int64 <c>[B]</c>.</param>
    /// <param name="classes">The number of classes, for class targets.</param>
    /// <param name="asker">For messages.</param>
    public static Batch Apply(Batch batch, CutMixBox box, Tensor partners, long classes, string asker)
    {
        var (input, shape) = (batch.Input, batch.Input.shape);
        var (height, width) = (shape[2], shape[3]);
        var others = partners.to(input.device);
        var inside = Range(height, box.Top, box.Bottom, input.device)
            .unsqueeze(1)
            .logical_and(Range(width, box.Left, box.Right, input.device));
        return batch
            .WithInput(where(inside, input.index_select(0, others), input))
            .WithTarget(Mix(batch.Target, inside, others, box.Share(height, width), classes, asker, input.dtype));
    }

    private static Target Mix(
        Target target,
        Tensor inside,
        Tensor others,
        double share,
        long classes,
        string asker,
        ScalarType dtype
    )
    {
        if (target is NoTarget)
            return target;
        if (target is ClassMapTarget map)
            return new ClassMapTarget(where(inside, map.Labels.index_select(0, others), map.Labels), map.IgnoreIndex);
        var values = target is ClassIndexTarget index
            ? nn.functional.one_hot(index.Labels, classes).to(dtype == ScalarType.Float64 ? dtype : ScalarType.Float32)
            : TargetReader.As<SoftTarget>(target, asker).Values;
        return new SoftTarget(values.mul(share).add(values.index_select(0, others).mul(1 - share)));
    }

    private static Tensor Range(long length, long from, long to, Device device)
    {
        var places = arange(length, ScalarType.Int64, device);
        return places.ge(from).logical_and(places.lt(to));
    }
}
