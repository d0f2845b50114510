using FsCheck.Xunit;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class ColorJitterTests
{
    private static ColorJitterAugmentation Make(ColorJitterOptions? options = null) =>
        Tests.Make.Plugin<ColorJitterAugmentation>(options ?? new());

    [Fact]
    public void Every_image_is_changed_by_its_recorded_factors_in_its_recorded_order()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(1, 40, 3, 5, 6);
        var result = Make(new() { Probability = 0.7 }).Apply(batch, Images.At(1));
        var order = Images.Longs(result.Parameters["color-jitter.order"]);
        var factors = Tests.Make.Flat(result.Parameters["color-jitter.factors"]);
        var changed = result.Parameters["color-jitter.changed"].data<bool>().ToArray();
        for (var b = 0; b < 40; b++)
        {
            var image = batch.Input[b].unsqueeze(0);
            foreach (var kind in order[(4 * b)..(4 * b + 4)].Where(_ => changed[b]))
            {
                double[] factor = [factors[4 * b + kind]];
                image = kind switch
                {
                    0 => ColourOps.Brightness(image, factor),
                    1 => ColourOps.Contrast(image, factor),
                    2 => ColourOps.Saturation(image, factor),
                    _ => ColourOps.Hue(image, factor),
                };
            }
            Assert.Equal(Images.Flat(image[0]), Images.Flat(result.Input[b]));
        }
        Assert.Contains(false, changed);
        Assert.Contains(true, changed);
        Assert.Equal(24, AllOrders(Make()).Count);
    }

    private static HashSet<string> AllOrders(ColorJitterAugmentation jitter)
    {
        var order = jitter.Apply(Images.Random(1, 500, 1, 1, 1), Images.At(2)).Parameters["color-jitter.order"];
        return [.. Images.Longs(order).Chunk(4).Select(o => string.Join(' ', o))];
    }

    [Theory]
    [InlineData(0.4)]
    [InlineData(3)]
    public void Factors_are_even_in_their_range_and_not_below_zero(double most)
    {
        using var scope = NewDisposeScope();
        var options = new ColorJitterOptions { Brightness = most, Hue = 0.25 };
        var drawn = Make(options).Apply(Images.Random(1, 2000, 1, 1, 1), Images.At(1));
        var factors = drawn.Parameters["color-jitter.factors"];
        var (low, high) = (Math.Max(0, 1 - most), 1 + most);
        var brightness = Tests.Make.Flat(factors[.., 0]);
        Assert.All(brightness, f => Assert.InRange(f, low, high));
        // Five standard errors of a uniform mean.
        Assert.Equal((low + high) / 2, brightness.Average(), 5 * (high - low) / Math.Sqrt(12 * 2000));
        var hue = Tests.Make.Flat(factors[.., 3]);
        Assert.All(hue, f => Assert.InRange(f, -0.25, 0.25));
        Assert.Equal(0, hue.Average(), 5 * 0.5 / Math.Sqrt(12 * 2000));
    }

    [Property(MaxTest = 25)]
    public bool Values_stay_in_their_range_and_nothing_to_change_changes_nothing(int seed, byte strength)
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(seed, 6, 3, 4, 5);
        var options = new ColorJitterOptions
        {
            Brightness = strength / 25.5,
            Contrast = strength / 25.5,
            Saturation = strength / 25.5,
            Hue = strength / 510.0,
        };
        var result = Make(options).Apply(batch, Images.At((ulong)seed)).Input;
        var still = new ColorJitterOptions
        {
            Brightness = 0,
            Contrast = 0,
            Saturation = 0,
            Hue = 0,
        };
        return result.min().item<float>() >= 0
            && result.max().item<float>() <= 1
            && Images.Flat(Make(still).Apply(batch, Images.At(1)).Input).SequenceEqual(Images.Flat(batch.Input));
    }

    [Fact]
    public void Samples_are_changed_alike_in_any_company_and_the_input_stays()
    {
        using var scope = NewDisposeScope();
        Images.SamplesAreChangedAlikeInAnyCompany(Make(), channels: 3);
        Images.TheInputStays(Make(), new NoTarget(4));
    }

    [Fact]
    public void Images_without_colours_and_options_out_of_bounds_are_refused()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(
            CoreErrors.ShapesDiffer,
            Assert.Throws<KdException>(() => Make().Apply(Images.Random(1, 2, 2, 4, 4), Images.At(1))).Code
        );
        Assert.Throws<KdException>(() => Make().OutputShape([5, 8, 8]));
        Assert.False(Tests.Make.Passes(new ColorJitterOptions { Hue = 0.6 }));
        Assert.False(Tests.Make.Passes(new ColorJitterOptions { Contrast = -1 }));
    }
}
