using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

/// <summary>Augmentations that change some images of a batch, against torchvision's results and for what they draw.</summary>
public class ChanceTests
{
    private static IAugmentation Always(string operation, double[] arguments) =>
        operation switch
        {
            "luma" => Make.Plugin<GrayscaleAugmentation>(new GrayscaleOptions { Probability = 1 }),
            "solarize" => Make.Plugin<SolarizeAugmentation>(
                new SolarizeOptions { Probability = 1, Threshold = arguments[0] }
            ),
            "posterize" => Make.Plugin<PosterizeAugmentation>(
                new PosterizeOptions { Probability = 1, Bits = (int)arguments[0] }
            ),
            "equalize" => Make.Plugin<EqualizeAugmentation>(new EqualizeOptions { Probability = 1 }),
            "gaussian-blur" => Make.Plugin<GaussianBlurAugmentation>(
                new GaussianBlurOptions
                {
                    Size = (int)arguments[0],
                    MinSigma = arguments[1],
                    MaxSigma = arguments[1],
                }
            ),
            _ => throw new ArgumentException($"'{operation}' is not known here."),
        };

    public static TheoryData<int, string> Recorded
    {
        get
        {
            string[] known = ["luma", "solarize", "posterize", "equalize", "gaussian-blur"];
            var data = new TheoryData<int, string>();
            foreach (var number in Torchvision.Cases("float", "byte"))
                if (known.Contains(Torchvision.At(number).Op))
                    data.Add(number, Torchvision.At(number).Op);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void A_changed_image_is_torchvisions(int number, string op)
    {
        using var scope = NewDisposeScope();
        var golden = Torchvision.At(number);
        var batch = new Batch(golden.Image, new NoTarget(1), tensor(new[] { 3L }));
        var got = Always(op, golden.Arguments).Apply(batch, Images.At(1)).Input;
        Assert.Equal(golden.Image.shape, got.shape);
        // A luma of one channel stands in all three.
        var channels = got.shape[1] / golden.Shape[0];
        for (var c = 0; c < channels; c++)
        {
            var part = golden.Shape[0] == got.shape[1] ? got : got.narrow(1, c, 1);
            var levels = Make.Flat(part.mul(255));
            Assert.All(golden.Expected.Zip(levels), p => Assert.Equal(p.First, p.Second, 3e-3));
        }
    }

    public static TheoryData<string> Ids => ["grayscale", "gaussian-blur", "solarize", "posterize", "equalize"];

    private static IAugmentation Sometimes(string id, double probability) =>
        id switch
        {
            "grayscale" => Make.Plugin<GrayscaleAugmentation>(new GrayscaleOptions { Probability = probability }),
            "gaussian-blur" => Make.Plugin<GaussianBlurAugmentation>(
                new GaussianBlurOptions { Probability = probability }
            ),
            "solarize" => Make.Plugin<SolarizeAugmentation>(new SolarizeOptions { Probability = probability }),
            "posterize" => Make.Plugin<PosterizeAugmentation>(new PosterizeOptions { Probability = probability }),
            _ => Make.Plugin<EqualizeAugmentation>(new EqualizeOptions { Probability = probability }),
        };

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_recorded_images_are_changed_as_if_alone_and_the_others_stay(string id)
    {
        using var scope = NewDisposeScope();
        // Equalizing leaves images of fewer pixels than levels.
        var batch = Images.Random(3, 40, 3, 20, 15);
        var result = Sometimes(id, 0.4).Apply(batch, Images.At(2));
        var all = Sometimes(id, 1).Apply(batch, Images.At(2)).Input;
        var changed = result.Parameters[$"{id}.changed"].data<bool>().ToArray();
        Assert.InRange(changed.Count(c => c), 5, 30);
        for (var b = 0; b < 40; b++)
            Assert.Equal(Images.Flat((changed[b] ? all : batch.Input)[b]), Images.Flat(result.Input[b]));
        Assert.NotEqual(Images.Flat(batch.Input), Images.Flat(result.Input));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_probability_is_kept(string id)
    {
        using var scope = NewDisposeScope();
        var drawn = Sometimes(id, 0.3).Apply(Images.Random(1, 2000, 1, 3, 3), Images.At(7));
        var share = drawn.Parameters[$"{id}.changed"].data<bool>().ToArray().Average(c => c ? 1.0 : 0);
        // Five standard errors.
        Assert.Equal(0.3, share, 5 * Math.Sqrt(0.3 * 0.7 / 2000));
        var none = Sometimes(id, 0).Apply(Images.Random(1, 50, 1, 3, 3), Images.At(7));
        Assert.DoesNotContain(true, none.Parameters[$"{id}.changed"].data<bool>().ToArray());
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Samples_are_changed_alike_in_any_company_and_the_input_stays(string id)
    {
        using var scope = NewDisposeScope();
        Images.SamplesAreChangedAlikeInAnyCompany(Sometimes(id, 0.5), channels: 3, rows: 40);
        Images.TheInputStays(Sometimes(id, 1), new NoTarget(4));
    }

    [Fact]
    public void Blurs_are_of_the_recorded_widths()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(5, 30, 3, 7, 6);
        var blur = Make.Plugin<GaussianBlurAugmentation>(new GaussianBlurOptions { Size = 5 });
        var result = blur.Apply(batch, Images.At(4));
        var sigmas = result.Parameters["gaussian-blur.sigmas"].data<double>().ToArray();
        Assert.All(sigmas, s => Assert.InRange(s, 0.1, 2));
        Assert.True(sigmas.Max() - sigmas.Min() > 1);
        for (var b = 0; b < 30; b++)
        {
            var alone = FilterOps.GaussianBlur(batch.Input[b].unsqueeze(0), 5, [sigmas[b]]);
            Assert.Equal(Images.Flat(alone[0]), Images.Flat(result.Input[b]));
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using var scope = NewDisposeScope();
        foreach (var row in (string[])["grayscale", "gaussian-blur", "solarize", "posterize", "equalize"])
        {
            var failure = Assert.Throws<KdException>(() =>
                Sometimes(row, 1).Apply(Images.Random(1, 2, 2, 4, 4), Images.At(1))
            );
            Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
            Assert.Contains($"'{row}'", failure.Message);
        }
        var blur = Make.Plugin<GaussianBlurAugmentation>(new GaussianBlurOptions { Size = 9 });
        Assert.Equal(CoreErrors.ShapesDiffer, Assert.Throws<KdException>(() => blur.OutputShape([3, 16, 4])).Code);
        Assert.Equal([3, 16, 5], blur.OutputShape([3, 16, 5]));
        Assert.False(Make.Passes(new GaussianBlurOptions { Size = 4 }));
        Assert.False(Make.Passes(new GaussianBlurOptions { MinSigma = 3 }));
        Assert.False(Make.Passes(new SolarizeOptions { Threshold = 1.1 }));
        Assert.False(Make.Passes(new PosterizeOptions { Bits = 9 }));
        Assert.False(Make.Passes(new GrayscaleOptions { Probability = -0.1 }));
    }
}
