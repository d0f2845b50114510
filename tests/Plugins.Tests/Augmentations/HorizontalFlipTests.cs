using FsCheck.Xunit;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class HorizontalFlipTests
{
    private static HorizontalFlipAugmentation Make(double probability) =>
        Tests.Make.Plugin<HorizontalFlipAugmentation>(new HorizontalFlipOptions { Probability = probability });

    [Property(MaxTest = 30)]
    public bool It_is_a_plain_loop_for_the_recorded_samples_and_twice_is_nothing(int seed, byte width)
    {
        using var scope = NewDisposeScope();
        var w = 1 + width % 7;
        var batch = Images.Random(seed, 6, 2, 3, w);
        batch = batch.WithTarget(Images.MapOf(batch.Input));
        var flip = Make(0.5);
        var once = flip.Apply(batch, Images.At((ulong)seed));
        var twice = flip.Apply(once, Images.At((ulong)seed));
        var flipped = once.Parameters["horizontal-flip.flipped"].data<bool>().ToArray();
        var (source, got) = (Images.Values(batch.Input), Images.Values(once.Input));
        for (var b = 0; b < 6; b++)
        for (var c = 0; c < 2; c++)
        for (var y = 0; y < 3; y++)
        for (var x = 0; x < w; x++)
            if (got[b, c, y, x] != source[b, c, y, flipped[b] ? w - 1 - x : x])
                return false;
        // The map was made of the image, so it has to be mirrored exactly as the image was.
        var labels = Images.Longs(((ClassMapTarget)once.Target).Labels);
        return labels.SequenceEqual(Images.Longs(Images.MapOf(once.Input).Labels))
            && Images.Flat(twice.Input).SequenceEqual(Images.Flat(batch.Input))
            && Images
                .Longs(((ClassMapTarget)twice.Target).Labels)
                .SequenceEqual(Images.Longs(((ClassMapTarget)batch.Target).Labels));
    }

    [Fact]
    public void Boxes_are_mirrored_and_keep_their_corners_in_order()
    {
        using var scope = NewDisposeScope();
        var boxes = tensor(
            new float[,]
            {
                { 1, 2, 4, 7 },
            }
        );
        var target = new BoxTarget([boxes, zeros(0, 4)], [tensor(new long[] { 3 }), zeros(0, ScalarType.Int64)]);
        var result = (BoxTarget)Make(1).Apply(Images.Random(1, 2, 1, 8, 10, target), Images.At(1)).Target;
        Assert.Equal([6, 2, 9, 7], Images.Flat(result.Boxes[0]));
        Assert.Equal([0, 4], result.Boxes[1].shape);
    }

    [Fact]
    public void The_probability_is_kept_and_its_ends_are_sure()
    {
        using var scope = NewDisposeScope();
        double Share(double p) =>
            Make(p)
                .Apply(Images.Random(1, 2000, 1, 1, 1), Images.At(4))
                .Parameters["horizontal-flip.flipped"]
                .to(ScalarType.Float32)
                .mean()
                .item<float>();
        Assert.Equal(0, Share(0));
        Assert.Equal(1, Share(1));
        // Five standard errors of 2,000 draws.
        Assert.InRange(Share(0.3), 0.3 - 0.051, 0.3 + 0.051);
    }

    [Fact]
    public void Samples_are_changed_alike_in_any_company_and_the_input_stays()
    {
        using var scope = NewDisposeScope();
        Images.SamplesAreChangedAlikeInAnyCompany(Make(0.5));
        Images.TheInputStays(Make(1), new NoTarget(4));
    }
}
