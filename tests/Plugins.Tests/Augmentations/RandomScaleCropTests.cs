using FsCheck.Xunit;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class RandomScaleCropTests
{
    private static RandomScaleCropAugmentation Of(RandomScaleCropOptions? options = null) =>
        Tests.Make.Plugin<RandomScaleCropAugmentation>(options ?? new());

    // Where row (column) i of a piece lies in the image; null beyond it.
    private static double? Place(long size, long length, double scale, double share, long i)
    {
        var scaled = Math.Max(1, (long)Math.Round(size * scale));
        var room = scaled - length;
        var start = (long)Math.Floor(share * (Math.Abs(room) + 1)) * (room < 0 ? -1 : 1);
        var at = start + i;
        return at < 0 || at >= scaled ? null : (at + 0.5) * size / scaled - 0.5;
    }

    [Property(MaxTest = 40)]
    public bool It_is_a_plain_loop_over_the_recorded_windows(int seed, byte shape, byte size)
    {
        using var scope = NewDisposeScope();
        var (height, width) = (2 + shape % 9, 2 + shape / 16);
        var options = new RandomScaleCropOptions
        {
            Size = [size % 12, .. (size % 12 > 0 ? (int[])[1 + size / 16] : [])],
            FillValue = -3,
        };
        var batch = Images.Random(seed, 3, 2, height, width);
        batch = batch.WithTarget(Images.MapOf(batch.Input));
        var result = Of(options).Apply(batch, Images.At((ulong)seed));
        var (newHeight, newWidth) = options.Size[0] > 0 ? (options.Size[0], options.Size[^1]) : (height, width);
        var (source, got) = (Images.Values(batch.Input), Images.Values(result.Input));
        var labels = Images.Longs(((ClassMapTarget)batch.Target).Labels);
        var gotLabels = Images.Longs(((ClassMapTarget)result.Target).Labels);
        var windows = result.Parameters["random-scale-crop.windows"].data<double>().ToArray().Chunk(3).ToArray();
        for (var b = 0; b < 3; b++)
        for (var y = 0; y < newHeight; y++)
        for (var x = 0; x < newWidth; x++)
        {
            var w = windows[b];
            var (sy, sx) = (Place(height, newHeight, w[0], w[1], y), Place(width, newWidth, w[0], w[2], x));
            var label = gotLabels[(b * newHeight + y) * newWidth + x];
            if (sy is not { } row || sx is not { } column)
            {
                if (label != 255 || got[b, 0, y, x] != -3)
                    return false;
                continue;
            }
            for (var c = 0; c < 2; c++)
                if (
                    Math.Abs(got[b, c, y, x] - Bilinear((r, s) => source[b, c, r, s], height, width, row, column))
                    > 1e-5
                )
                    return false;
            var (r, s) = (Nearest(row, height), Nearest(column, width));
            if (label != labels[(b * height + r) * width + s])
                return false;
        }
        return true;
    }

    private static long Nearest(double place, long size) => Math.Clamp((long)Math.Floor(place + 0.5), 0, size - 1);

    private static double Bilinear(Func<long, long, double> pixel, long height, long width, double y, double x)
    {
        (y, x) = (Math.Clamp(y, 0, height - 1), Math.Clamp(x, 0, width - 1));
        var (y0, x0) = ((long)y, (long)x);
        var (y1, x1) = (Math.Min(y0 + 1, height - 1), Math.Min(x0 + 1, width - 1));
        var upper = pixel(y0, x0) * (1 - (x - x0)) + pixel(y0, x1) * (x - x0);
        var lower = pixel(y1, x0) * (1 - (x - x0)) + pixel(y1, x1) * (x - x0);
        return upper * (1 - (y - y0)) + lower * (y - y0);
    }

    // Painted into the image, in areas larger than what is between two pixels, the map shows what the image shows.
    [Fact]
    public void A_map_that_is_painted_into_the_image_stays_equal()
    {
        using var scope = NewDisposeScope();
        var small = randint(0, 2, [8, 1, 5, 6], ScalarType.Float32);
        var painted = small.repeat_interleave(8, 2).repeat_interleave(8, 3);
        var target = new ClassMapTarget(painted.squeeze(1).to(ScalarType.Int64), 100);
        var batch = new Batch(painted, target, arange(8, ScalarType.Int64));
        foreach (var size in (int[])[0, 24, 60])
        {
            var seen = Of(new() { Size = [size], FillValue = 100 }).Apply(batch, Images.At(3));
            seen = Tests.Make.Plugin<HorizontalFlipAugmentation>(new HorizontalFlipOptions()).Apply(seen, Images.At(4));
            var map = ((ClassMapTarget)seen.Target).Labels;
            var image = seen.Input.squeeze(1);
            // Between two areas the image has values between their labels.
            var whole = image.eq(image.round());
            Assert.True(whole.to(ScalarType.Float32).mean().item<float>() > 0.5);
            Assert.True(image.round().to(ScalarType.Int64).eq(map).logical_or(whole.logical_not()).all().item<bool>());
            // The nearest of the four pixels around a place has a quarter of the value at least.
            Assert.True(image.sub(map).abs().max().item<float>() <= 0.751f);
        }
    }

    [Fact]
    public void Scales_and_places_are_those_of_the_options()
    {
        using var scope = NewDisposeScope();
        var result = Of().Apply(Images.Random(1, 800, 1, 8, 8), Images.At(1));
        var windows = result.Parameters["random-scale-crop.windows"].data<double>().ToArray().Chunk(3).ToArray();
        Assert.All(windows, w => Assert.InRange(w[0], 0.5, 2));
        Assert.All(windows, w => Assert.InRange(Math.Min(w[1], w[2]), 0, 1));
        // Five standard errors of a uniform mean.
        Assert.Equal(1.25, windows.Average(w => w[0]), 5 * 1.5 / Math.Sqrt(12 * 800));
        Assert.Equal(0.5, windows.Average(w => w[1]), 5 / Math.Sqrt(12 * 800));
        Assert.Equal(0.5, windows.Average(w => w[2]), 5 / Math.Sqrt(12 * 800));
    }

    [Fact]
    public void At_the_scale_of_one_the_whole_image_is_the_image()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(1, 3, 2, 7, 5);
        batch = batch.WithTarget(Images.MapOf(batch.Input));
        var result = Of(new() { MinScale = 1, MaxScale = 1 }).Apply(batch, Images.At(1));
        Assert.Equal(Images.Flat(batch.Input), Images.Flat(result.Input));
        Assert.Equal(
            Images.Longs(((ClassMapTarget)batch.Target).Labels),
            Images.Longs(((ClassMapTarget)result.Target).Labels)
        );
    }

    [Fact]
    public void Samples_are_changed_alike_in_any_company() => Images.SamplesAreChangedAlikeInAnyCompany(Of());

    [Fact]
    public void The_input_stays()
    {
        using var scope = NewDisposeScope();
        Images.TheInputStays(Of(), Images.MapOf(rand(4, 3, 8, 8)));
    }

    [Fact]
    public void Boxes_are_refused()
    {
        var failure = Assert.Throws<KdException>(() => Of().Bind(Stubs.Data([3, 8, 8], 3, TargetKind.Boxes)));
        Assert.Equal("KDP0306", failure.Code.Id);
        Of().Bind(Stubs.Data([3, 8, 8], 3, TargetKind.ClassMap));
    }

    [Fact]
    public void Options_are_validated()
    {
        Assert.True(Tests.Make.Passes(new RandomScaleCropOptions()));
        Assert.False(Tests.Make.Passes(new RandomScaleCropOptions { MinScale = 0.05 }));
        Assert.False(Tests.Make.Passes(new RandomScaleCropOptions { MinScale = 2, MaxScale = 1 }));
        Assert.False(Tests.Make.Passes(new RandomScaleCropOptions { Size = [-1] }));
        Assert.Equal([3, 4, 5], Of(new() { Size = [4, 5] }).OutputShape([3, 9, 9]));
        Assert.Equal(
            new ValueRange(-1, 1).ToString(),
            Of(new() { FillValue = -1 }).OutputRange(ValueRange.Unit).ToString()
        );
    }
}
