using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

/// <summary>Rotations and affine maps against plain loops over what they recorded; both against torchvision elsewhere.</summary>
public class GeometryTests
{
    private static RandomRotationAugmentation Rotation(RandomRotationOptions options) =>
        Make.Plugin<RandomRotationAugmentation>(options);

    private static RandomAffineAugmentation Affine(RandomAffineOptions options) =>
        Make.Plugin<RandomAffineAugmentation>(options);

    private static readonly RandomAffineOptions Everything = new()
    {
        Degrees = 60,
        TranslateX = 0.3,
        TranslateY = 0.2,
        MinScale = 0.7,
        MaxScale = 1.4,
        ShearX = 20,
        ShearY = 10,
        FillValue = 0.5,
    };

    // The nearest pixel of a place in pixels from the middle; -1 outside, -2 where it is too near to a border to say.
    private static int Nearest(double place, int length)
    {
        var at = place + 0.5 * (length - 1);
        if (Math.Abs(at - Math.Floor(at) - 0.5) < 1e-3)
            return -2;
        var near = (int)Math.Round(at);
        return near >= 0 && near < length ? near : -1;
    }

    // source: from a place of the result, in pixels from the middle and y down, to the place of the image that it shows.
    private static void Agrees(Tensor image, Tensor result, double fill, Func<double, double, (double, double)> source)
    {
        var (height, width) = ((int)image.shape[1], (int)image.shape[2]);
        var (from, to) = (Images.Values(image.unsqueeze(0)), Images.Values(result.unsqueeze(0)));
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        {
            var (sx, sy) = source(x - 0.5 * (width - 1), y - 0.5 * (height - 1));
            var (column, row) = (Nearest(sx, width), Nearest(sy, height));
            if (column == -2 || row == -2)
                continue;
            for (var c = 0; c < image.shape[0]; c++)
                Assert.Equal(column < 0 || row < 0 ? fill : from[0, c, row, column], to[0, c, y, x], 1e-6);
        }
    }

    [Fact]
    public void A_rotation_turns_anticlockwise_by_the_recorded_angle()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(1, 20, 2, 9, 8);
        var result = Rotation(new() { Degrees = 170, FillValue = 0.25 }).Apply(batch, Images.At(3));
        var angles = Make.Flat(result.Parameters["random-rotation.angles"]);
        for (var b = 0; b < 20; b++)
        {
            var (sin, cos) = Math.SinCos(double.DegreesToRadians(angles[b]));
            // y down: what was to the right comes to stand above.
            Agrees(batch.Input[b], result.Input[b], 0.25, (x, y) => (x * cos - y * sin, x * sin + y * cos));
        }
    }

    [Fact]
    public void An_affine_map_shears_scales_turns_clockwise_and_moves_as_recorded()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(2, 20, 2, 9, 8);
        var result = Affine(Everything).Apply(batch, Images.At(3));
        var drawn = Make.Flat(result.Parameters["random-affine.parameters"]).Chunk(6).ToArray();
        for (var b = 0; b < 20; b++)
        {
            var p = drawn[b];
            var (sin, cos) = Math.SinCos(double.DegreesToRadians(p[0]));
            var (shearX, shearY) = (Math.Tan(double.DegreesToRadians(p[4])), Math.Tan(double.DegreesToRadians(p[5])));
            Agrees(
                batch.Input[b],
                result.Input[b],
                0.5,
                (x, y) =>
                {
                    // Backwards: not moved, turned back, as large as it was, neither sheared by y nor by x.
                    var (mx, my) = (x - p[1], y - p[2]);
                    var (tx, ty) = ((mx * cos + my * sin) / p[3], (my * cos - mx * sin) / p[3]);
                    ty += tx * shearY;
                    return (tx + ty * shearX, ty);
                }
            );
        }
    }

    [Fact]
    public void What_is_drawn_fills_its_bounds()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(2, 2000, 1, 20, 10);
        var drawn = Make.Flat(Affine(Everything).Apply(batch, Images.At(5)).Parameters["random-affine.parameters"]);
        (double Low, double High)[] bounds = [(-60, 60), (-3, 3), (-4, 4), (0.7, 1.4), (-20, 20), (-10, 10)];
        for (var kind = 0; kind < 6; kind++)
        {
            double[] values = [.. drawn.Chunk(6).Select(p => p[kind])];
            var (low, high) = bounds[kind];
            Assert.All(values, v => Assert.InRange(v, low, high));
            Assert.True(values.Max() - values.Min() > 0.98 * (high - low));
            // Five standard errors; whole pixels spread a little wider.
            var error = 5 * (high - low + 1) / Math.Sqrt(12 * 2000);
            Assert.Equal((low + high) / 2, values.Average(), error);
        }
        Assert.All(drawn.Chunk(6), p => Assert.Equal(Math.Round(p[1]), p[1]));
        var angles = Make.Flat(Rotation(new()).Apply(batch, Images.At(5)).Parameters["random-rotation.angles"]);
        Assert.InRange(angles.Max(), 14.5, 15);
        Assert.InRange(angles.Min(), -15, -14.5);
    }

    [Fact]
    public void The_defaults_of_the_affine_map_change_nothing()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(4, 3, 3, 6, 7);
        Assert.Equal(Images.Flat(batch.Input), Images.Flat(Affine(new()).Apply(batch, Images.At(1)).Input));
    }

    [Fact]
    public void Samples_are_changed_alike_in_any_company_and_the_input_stays()
    {
        using var scope = NewDisposeScope();
        foreach (var augmentation in (IAugmentation[])[Rotation(new() { Degrees = 90 }), Affine(Everything)])
        {
            Images.SamplesAreChangedAlikeInAnyCompany(augmentation);
            Images.TheInputStays(augmentation, new NoTarget(4));
        }
    }

    [Fact]
    public void Targets_with_places_and_options_out_of_bounds_are_refused()
    {
        foreach (var augmentation in (IAugmentation[])[Rotation(new()), Affine(Everything)])
        foreach (var kind in (TargetKind[])[TargetKind.Boxes, TargetKind.ClassMap])
        {
            var failure = Assert.Throws<KdException>(() => augmentation.Bind(Stubs.Data([3, 8, 8], 4, kind)));
            Assert.Equal(CoreErrors.WrongCombination, failure.Code);
        }
        Assert.False(Make.Passes(new RandomRotationOptions { Degrees = 181 }));
        Assert.False(Make.Passes(new RandomAffineOptions { MinScale = 2 }));
        Assert.False(Make.Passes(new RandomAffineOptions { TranslateX = 1.5 }));
        Assert.False(Make.Passes(new RandomAffineOptions { ShearX = 90 }));
    }
}
