using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd.Tests;

public class CutMixTests
{
    [Theory]
    [InlineData(0.75, 16, 16, 8, 8, 24, 24, 0.75)]
    [InlineData(0.75, 0, 0, 0, 0, 8, 8, 0.9375)]
    [InlineData(0.75, 31, 10, 23, 2, 32, 18, 0.859375)]
    [InlineData(0.5, 16, 16, 5, 5, 27, 27, 0.52734375)]
    [InlineData(0.5, 3, 30, 0, 19, 14, 32, 0.82226563)]
    [InlineData(0.9, 16, 16, 11, 11, 21, 21, 0.90234375)]
    [InlineData(0, 16, 16, 0, 0, 32, 32, 0)]
    [InlineData(0, 0, 0, 0, 0, 16, 16, 0.75)]
    [InlineData(1, 7, 9, 7, 9, 7, 9, 1)]
    [InlineData(0.999, 7, 9, 7, 9, 7, 9, 1)]
    public void Golden_3_boxes_of_32_by_32(double lam, long x, long y, long l, long t, long r, long b, double share)
    {
        var box = CutMixBox.Of(lam, x, y, 32, 32);
        Assert.Equal(new CutMixBox(l, t, r, b), box);
        Assert.Equal(share, box.Share(32, 32), 1e-8);
    }

    [Fact]
    public void Golden_3_boxes_of_other_sizes()
    {
        var wide = CutMixBox.Of(0.75, 40, 2, 32, 48);
        Assert.Equal(new CutMixBox(28, 0, 48, 10), wide);
        Assert.Equal(0.8697917, wide.Share(32, 48), 1e-7);
        // The root of 0.09 falls just below 0.3: two pixels, not three.
        var small = CutMixBox.Of(0.91, 5, 5, 10, 10);
        Assert.Equal(new CutMixBox(4, 4, 6, 6), small);
        Assert.Equal(0.96, small.Share(10, 10), 12);
    }

    [Fact]
    public void Golden_3_pixels_of_a_mixed_image()
    {
        using var scope = NewDisposeScope();
        var x = arange(32, ScalarType.Float32).view(2, 1, 4, 4);
        var batch = new Batch(x, new ClassIndexTarget(tensor(new long[] { 0, 1 })), arange(2, ScalarType.Int64));
        var mixed = Mixed(batch, CutMixBox.Of(0.75, 1, 2, 4, 4), tensor(new long[] { 1, 0 }), 2);
        float[] first = [0, 1, 2, 3, 20, 21, 6, 7, 24, 25, 10, 11, 12, 13, 14, 15];
        Assert.Equal(first, mixed.Input[0].contiguous().data<float>().ToArray());
        // The box is columns 0..2 and rows 1..3, a quarter of the image.
        var shares = Assert.IsType<SoftTarget>(mixed.Target).Values.data<float>().ToArray();
        Assert.Equal([0.75f, 0.25f, 0.25f, 0.75f], shares);
        Assert.Equal(arange(32, ScalarType.Float32).view(2, 1, 4, 4), x);
    }

    [Fact]
    public void Golden_6_nobody_is_its_own_partner_and_all_others_are_equally_likely()
    {
        using var scope = NewDisposeScope();
        var random = new KdPlugins.Torch.SeededRandom(11);
        Assert.Equal([1, 0], CutMix.Partners(random, 2).data<long>().ToArray());
        var counts = new int[4, 4];
        for (var round = 0; round < 3000; round++)
        {
            var partners = CutMix.Partners(random, 4).data<long>().ToArray();
            Assert.Equal([0, 1, 2, 3], partners.Order());
            for (var i = 0; i < 4; i++)
                counts[i, partners[i]]++;
        }
        for (var i = 0; i < 4; i++)
        for (var j = 0; j < 4; j++)
            Assert.InRange(counts[i, j], i == j ? 0 : 880, i == j ? 0 : 1120);
    }

    [Fact]
    public void Class_maps_are_pasted_along_and_unlabelled_samples_stay_unlabelled()
    {
        using var scope = NewDisposeScope();
        var x = zeros(2, 1, 4, 4);
        var labels = stack([zeros(4, 4, ScalarType.Int64), ones(4, 4, ScalarType.Int64)]);
        var (box, other) = (new CutMixBox(0, 1, 2, 3), tensor(new long[] { 1, 0 }));
        var numbers = arange(2, ScalarType.Int64);
        var maps = Mixed(new Batch(x, new ClassMapTarget(labels, 255), numbers), box, other, 2);
        var map = Assert.IsType<ClassMapTarget>(maps.Target);
        Assert.Equal(
            [0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
            map.Labels[0].contiguous().data<long>().ToArray()
        );
        Assert.Equal(255, map.IgnoreIndex);
        Assert.IsType<NoTarget>(Mixed(new Batch(x, new NoTarget(2), numbers), box, other, 0).Target);
    }

    [Theory]
    [InlineData(16, 16, 12, 20, 12, 20)]
    [InlineData(0, 0, 0, 4, 0, 4)]
    [InlineData(31, 10, 27, 32, 6, 14)]
    public void Golden_3_holes_of_cutout(long row, long column, int top, int bottom, int left, int right)
    {
        using var scope = NewDisposeScope();
        var cutout = Stubs.Plugin<CutoutAugmentation>(new CutoutOptions { Size = 8 });
        // Enough samples for every centre to be drawn.
        var numbers = arange(12_000, ScalarType.Int64);
        var found = cutout.Apply(
            new Batch(ones(12_000, 1, 32, 32), new NoTarget(12_000), numbers),
            new PartContextStub()
        );
        var centres = found.Parameters["cutout.centres"].data<long>().ToArray();
        var sample = Enumerable.Range(0, 12_000).First(i => centres[2 * i] == row && centres[2 * i + 1] == column);
        var expected = ones(32, 32);
        expected[top..bottom, left..right] = 0;
        Assert.Equal(expected, found.Input[sample, 0]);
    }

    private static Batch Mixed(Batch batch, CutMixBox box, Tensor partners, long classes) =>
        Mixing.Paste(
            batch,
            (box.Top, box.Left, box.Bottom, box.Right),
            box.Share(4, 4),
            partners,
            classes,
            Asker.Of(typeof(CutMixPickAugmentation)),
            unlabelled: true
        );
}
