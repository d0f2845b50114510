using FsCheck.Xunit;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class RandomResizedCropTests
{
    private static RandomResizedCropAugmentation Make(RandomResizedCropOptions? options = null) =>
        Tests.Make.Plugin<RandomResizedCropAugmentation>(options ?? new());

    // Between the pixel centres of the part, held at its edges.
    private static double Bilinear(Func<long, long, double> pixel, long[] part, double y, double x)
    {
        var (top, left, height, width) = (part[0], part[1], part[2], part[3]);
        y = Math.Clamp(y, 0, height - 1);
        x = Math.Clamp(x, 0, width - 1);
        var (y0, x0) = ((long)y, (long)x);
        var (y1, x1) = (Math.Min(y0 + 1, height - 1), Math.Min(x0 + 1, width - 1));
        double At(long row, long column) => pixel(top + row, left + column);
        var upper = At(y0, x0) * (1 - (x - x0)) + At(y0, x1) * (x - x0);
        var lower = At(y1, x0) * (1 - (x - x0)) + At(y1, x1) * (x - x0);
        return upper * (1 - (y - y0)) + lower * (y - y0);
    }

    [Property(MaxTest = 30)]
    public bool It_is_a_plain_loop_over_the_recorded_parts(int seed, byte shape, byte size)
    {
        using var scope = NewDisposeScope();
        var (height, width) = (1 + shape % 9, 1 + shape / 16);
        var options = new RandomResizedCropOptions
        {
            Size = [size % 12, .. (size % 12 > 0 ? (int[])[1 + size / 16] : [])],
            Ratio = 1 + size / 64,
        };
        var batch = Images.Random(seed, 3, 2, height, width);
        batch = batch.WithTarget(Images.MapOf(batch.Input));
        var result = Make(options).Apply(batch, Images.At((ulong)seed));
        var (newHeight, newWidth) = options.Size[0] > 0 ? (options.Size[0], options.Size[^1]) : (height, width);
        var (source, got) = (Images.Values(batch.Input), Images.Values(result.Input));
        var labels = Images.Longs(((ClassMapTarget)batch.Target).Labels);
        var gotLabels = Images.Longs(((ClassMapTarget)result.Target).Labels);
        var parts = Images.Longs(result.Parameters["random-resized-crop.parts"]).Chunk(4).ToArray();
        for (var b = 0; b < 3; b++)
        for (var y = 0; y < newHeight; y++)
        for (var x = 0; x < newWidth; x++)
        {
            var p = parts[b];
            if (p[0] < 0 || p[1] < 0 || p[2] < 1 || p[3] < 1 || p[0] + p[2] > height || p[1] + p[3] > width)
                return false;
            var (sy, sx) = ((y + 0.5) * p[2] / newHeight - 0.5, (x + 0.5) * p[3] / newWidth - 0.5);
            for (var c = 0; c < 2; c++)
                if (Math.Abs(got[b, c, y, x] - Bilinear((r, s) => source[b, c, r, s], p, sy, sx)) > 1e-5)
                    return false;
            var (row, column) = (p[0] + y * p[2] / newHeight, p[1] + x * p[3] / newWidth);
            if (gotLabels[(b * newHeight + y) * newWidth + x] != labels[(b * height + row) * width + column])
                return false;
        }
        return true;
    }

    [Fact]
    public void Areas_and_ratios_are_those_of_the_options()
    {
        using var scope = NewDisposeScope();
        var options = new RandomResizedCropOptions { MinArea = 0.2, MaxArea = 0.5 };
        var result = Make(options).Apply(Images.Random(1, 800, 1, 100, 100), Images.At(1));
        var parts = Images.Longs(result.Parameters["random-resized-crop.parts"]).Chunk(4).ToArray();
        // A side is rounded by at most half a pixel of 35.
        Assert.All(parts, p => Assert.InRange(p[2] * p[3] / 1e4, 0.2 * 0.97, 0.5 * 1.03));
        Assert.All(parts, p => Assert.InRange((double)p[3] / p[2], 0.75 * 0.97, 4 / 3.0 * 1.03));
        // Five standard errors of a uniform mean.
        Assert.Equal(0.35, parts.Average(p => p[2] * p[3] / 1e4), 5 * 0.3 / Math.Sqrt(12 * 800));
        Assert.Equal(0, parts.Average(p => Math.Log((double)p[3] / p[2])), 5 * 0.575 / Math.Sqrt(12 * 800));
    }

    [Fact]
    public void A_part_that_fits_nowhere_is_the_middle_of_the_ratio_allowed()
    {
        using var scope = NewDisposeScope();
        var options = new RandomResizedCropOptions { MinArea = 1 };
        var result = Make(options).Apply(Images.Random(1, 2, 1, 4, 40), Images.At(1));
        Assert.Equal([0, 17, 4, 5, 0, 17, 4, 5], Images.Longs(result.Parameters["random-resized-crop.parts"]));
    }

    [Fact]
    public void The_whole_image_in_its_own_size_is_the_image()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(1, 3, 3, 8, 8);
        var result = Make(new() { MinArea = 1, Ratio = 1 }).Apply(batch, Images.At(1));
        Assert.True((batch.Input - result.Input).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void Evaluations_see_the_whole_image_in_the_size_asked_for()
    {
        using var scope = NewDisposeScope();
        var crop = Make(new() { Size = [4] });
        Assert.True(crop.InEvaluation);
        Assert.False(Make().InEvaluation);
        Assert.Equal([3, 4, 4], crop.OutputShape([3, 8, 8]));
        Assert.Equal([3, 8, 8], Make().OutputShape([3, 8, 8]));
        var batch = Images.Random(1, 2, 3, 8, 8);
        var seen = crop.Apply(batch, new PartContextStub { IsEvaluation = true }).Input;
        Assert.True((nn.functional.avg_pool2d(batch.Input, 2) - seen).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void The_size_may_be_a_rectangle()
    {
        using var scope = NewDisposeScope();
        var crop = Make(new() { Size = [4, 8] });
        Assert.Equal([3, 4, 8], crop.OutputShape([3, 8, 8]));
        var batch = Images.Random(1, 2, 3, 8, 8);
        var seen = crop.Apply(batch, new PartContextStub { IsEvaluation = true }).Input;
        Assert.True((nn.functional.avg_pool2d(batch.Input, [2, 1]) - seen).abs().max().item<float>() < 1e-5);
        Assert.Equal([2, 3, 4, 8], crop.Apply(batch, new PartContextStub()).Input.shape);
    }

    [Fact]
    public void Boxes_follow_their_part_and_are_dropped_outside_it()
    {
        using var scope = NewDisposeScope();
        var boxes = tensor(
            new float[,]
            {
                { 0, 0, 1, 1 },
                { 2, 2, 6, 6 },
            }
        );
        var target = new BoxTarget(
            [.. Enumerable.Repeat(boxes, 40)],
            [.. Enumerable.Repeat(tensor(new long[] { 5, 6 }), 40)]
        );
        var options = new RandomResizedCropOptions { Size = [16], MinArea = 0.2 };
        var result = Make(options).Apply(Images.Random(1, 40, 1, 8, 8, target), Images.At(2));
        var parts = Images.Longs(result.Parameters["random-resized-crop.parts"]).Chunk(4).ToArray();
        var dropped = 0;
        for (var i = 0; i < 40; i++)
        {
            var (p, moved) = (parts[i], (BoxTarget)result.Target);
            float Y(long y) => Math.Clamp((y - p[0]) * 16f / p[2], 0, 16);
            float X(long x) => Math.Clamp((x - p[1]) * 16f / p[3], 0, 16);
            var expected = new[] { (0, 1, 5), (2, 6, 6) }
                .Where(b => X(b.Item2) > X(b.Item1) && Y(b.Item2) > Y(b.Item1))
                .ToArray();
            Assert.Equal(expected.Select(b => (long)b.Item3), Images.Longs(moved.Labels[i]));
            var corners = expected.SelectMany(b => new[] { X(b.Item1), Y(b.Item1), X(b.Item2), Y(b.Item2) });
            Assert.All(corners.Zip(Images.Flat(moved.Boxes[i])), c => Assert.Equal(c.First, c.Second, 1e-4f));
            dropped += 2 - expected.Length;
        }
        Assert.True(dropped > 0, "some boxes have to leave the image for this test to say anything");
    }

    [Fact]
    public void Samples_are_changed_alike_in_any_company_and_the_input_stays()
    {
        using var scope = NewDisposeScope();
        Images.SamplesAreChangedAlikeInAnyCompany(Make());
        Images.TheInputStays(Make(), new NoTarget(4));
    }

    [Fact]
    public void Options_out_of_bounds_do_not_pass()
    {
        Assert.False(Tests.Make.Passes(new RandomResizedCropOptions { MinArea = 0 }));
        Assert.False(Tests.Make.Passes(new RandomResizedCropOptions { MinArea = 0.5, MaxArea = 0.4 }));
        Assert.False(Tests.Make.Passes(new RandomResizedCropOptions { Ratio = 0.5 }));
        Assert.False(Tests.Make.Passes(new RandomResizedCropOptions { Size = [-1] }));
    }
}
