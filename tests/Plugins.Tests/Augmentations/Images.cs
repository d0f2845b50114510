using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

/// <summary>Batches to augment, and plain loops over their pixels.</summary>
internal static class Images
{
    /// <summary>Random images in [0, 1]; the sample numbers are first, first + 1, ...</summary>
    public static Batch Random(int seed, long count, long channels, long height, long width, Target? target = null)
    {
        using var generator = new Generator((ulong)(uint)seed, CPU);
        var input = rand([count, channels, height, width], generator: generator);
        return new Batch(input, target ?? new NoTarget(count), arange(10, 10 + count, ScalarType.Int64));
    }

    /// <summary>A class map that shows which pixel is which: the first channel, quantised.</summary>
    public static ClassMapTarget MapOf(Tensor input) =>
        new(input[.., 0].mul(200).to(ScalarType.Int64), ignoreIndex: 255);

    public static float[,,,] Values(Tensor input)
    {
        var (s, flat) = (input.shape, input.contiguous().data<float>().ToArray());
        var values = new float[s[0], s[1], s[2], s[3]];
        Buffer.BlockCopy(flat, 0, values, 0, 4 * flat.Length);
        return values;
    }

    public static float[] Flat(Tensor values) => values.contiguous().data<float>().ToArray();

    public static long[] Longs(Tensor values) => values.contiguous().data<long>().ToArray();

    public static PartContextStub At(ulong key) => new() { Random = new RandomKey(key) };

    /// <summary>
    /// The same sample in the same step is changed alike whatever stands beside it, and differently in another step.
    /// </summary>
    public static void SamplesAreChangedAlikeInAnyCompany(IAugmentation augmentation, int channels = 2, int rows = 9)
    {
        Assert.True(((ISampleWiseAugmentation)augmentation).IsSampleWise);
        var batch = Random(1, 16, channels, rows, 7);
        var all = augmentation.Apply(batch, At(5));
        Assert.Equal(Flat(all.Input), Flat(augmentation.Apply(batch, At(5)).Input));
        var picked = tensor(new long[] { 11, 3, 7 });
        var some = augmentation.Apply(batch.Select(picked), At(5));
        Assert.Equal(Flat(all.Input.index_select(0, picked)), Flat(some.Input));
        Assert.NotEqual(Flat(all.Input), Flat(augmentation.Apply(batch, At(6)).Input));
    }

    /// <summary>Applying changes neither the input's tensors nor its target's.</summary>
    public static void TheInputStays(IAugmentation augmentation, Target target)
    {
        var batch = Random(2, target.Count, 3, 8, 8, target);
        var before = Flat(batch.Input);
        augmentation.Apply(batch, At(5));
        Assert.Equal(before, Flat(batch.Input));
    }
}
