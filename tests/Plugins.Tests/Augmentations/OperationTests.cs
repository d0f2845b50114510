using KdPlugins.Augmentations;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

/// <summary>The image operations against torchvision's own results.</summary>
public class OperationTests
{
    public static TheoryData<int, string> Single => Named("float", "byte");

    public static TheoryData<int, string> OfPolicies => Named("policy");

    private static TheoryData<int, string> Named(params string[] kinds)
    {
        var data = new TheoryData<int, string>();
        foreach (var number in Torchvision.Cases(kinds))
            data.Add(number, Torchvision.At(number).Op);
        return data;
    }

    private static Tensor Run(Torchvision.Case golden)
    {
        var (image, a) = (golden.Image, golden.Arguments);
        AffineMap Map() => AffineMap.Of(a[0], a[1], a[2], a[3], a[4], a[5]);
        Part Cut() => new((long)a[0], (long)a[1], (long)a[2], (long)a[3]);
        return golden.Op switch
        {
            "brightness" => ColourOps.Brightness(image, a),
            "contrast" => ColourOps.Contrast(image, a),
            "saturation" => ColourOps.Saturation(image, a),
            "sharpness" => FilterOps.Sharpness(image, a),
            "hue" => ColourOps.Hue(image, a),
            "luma" => ColourOps.Luma(image),
            "auto-contrast" => ColourOps.AutoContrast(image),
            "invert" => ColourOps.Invert(image),
            "solarize" => ColourOps.Solarize(image, a),
            "gaussian-blur" => FilterOps.GaussianBlur(image, (int)a[0], [a[1]]),
            "affine-bilinear" => GeometryOps.Affine(image, [Map()], bilinear: true, 0),
            "affine-nearest" => GeometryOps.Affine(image, [Map()], bilinear: false, 0),
            "rotate-bilinear" => GeometryOps.Affine(image, [RandomRotationAugmentation.Turn(a[0])], bilinear: true, 0),
            "rotate-nearest" => GeometryOps.Affine(image, [RandomRotationAugmentation.Turn(a[0])], bilinear: false, 0),
            "resized" => GeometryOps.Resized(image, [Cut()], (long)a[4], (long)a[5], bilinear: true),
            "posterize" => ColourOps.Posterize(image, [(int)a[0]]),
            "equalize" => ColourOps.Equalize(image),
            _ => throw new ArgumentException($"'{golden.Op}' is not known here."),
        };
    }

    private static double[] Levels(Tensor images) => Make.Flat(images.mul(255));

    [Theory]
    [MemberData(nameof(Single))]
    public void An_operation_does_what_torchvision_does(int number, string op)
    {
        using var scope = NewDisposeScope();
        var golden = Torchvision.At(number);
        var result = Run(golden);
        Assert.Equal(golden.Shape, result.shape[1..]);
        var got = Levels(result);
        for (var i = 0; i < got.Length; i++)
            Assert.True(
                Math.Abs(golden.Expected[i] - got[i]) < 3e-3,
                $"{op} at {i}: {golden.Expected[i]}, got {got[i]}"
            );
    }

    // torchvision cuts the fraction off after every operation on bytes; here nothing is rounded.
    [Theory]
    [MemberData(nameof(OfPolicies))]
    public void An_operation_of_the_policies_does_what_torchvision_does_to_bytes(int number, string op)
    {
        using var scope = NewDisposeScope();
        var golden = Torchvision.At(number);
        var kind = Enum.Parse<Operation>(op);
        var result = Operations.Apply(golden.Image, [new(kind, golden.Arguments[0])], bilinear: false, 0);
        var got = Levels(result);
        var cut =
            kind is Operation.Brightness or Operation.Color or Operation.Contrast or Operation.Sharpness
            || kind == Operation.AutoContrast;
        // What an image is blended with is a byte too, and counts with the magnitude: a smoothed pixel is rounded, a luma cut.
        var blended = kind switch
        {
            Operation.Sharpness => 0.5 * Math.Abs(golden.Arguments[0]),
            Operation.Color or Operation.Contrast => Math.Abs(golden.Arguments[0]),
            _ => 0,
        };
        var (above, below) = (blended + 3e-3 + (cut ? 1 : 0), blended + 3e-3);
        for (var i = 0; i < got.Length; i++)
            Assert.True(
                got[i] - golden.Expected[i] < above && golden.Expected[i] - got[i] < below,
                $"{op} at {i}: {golden.Expected[i]}, got {got[i]}"
            );
    }

    [Fact]
    public void Every_image_of_a_batch_has_an_operation_of_its_own()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(1, 30, 3, 9, 8).Input;
        Move[] moves =
        [
            .. Enumerable
                .Range(0, 30)
                .Select(i => Magnitudes.Searched(31, 9, 8).At((Operation)(i % 15), i, i % 2 == 0)),
        ];
        var together = Operations.Apply(batch, moves, bilinear: false, 0.5);
        for (var i = 0; i < 30; i++)
        {
            var alone = Operations.Apply(batch[i].unsqueeze(0), [moves[i]], bilinear: false, 0.5);
            Assert.Equal(Images.Flat(alone[0]), Images.Flat(together[i]));
        }
    }

    [Fact]
    public void Geometry_fills_what_comes_from_outside()
    {
        using var scope = NewDisposeScope();
        var image = Images.Random(1, 1, 3, 6, 6).Input;
        foreach (var bilinear in new[] { false, true })
        {
            var moved = GeometryOps.Affine(image, [AffineMap.Of(moveX: 2)], bilinear, 0.5);
            Assert.All(Images.Flat(moved[.., .., .., ..2]), v => Assert.Equal(0.5, v, 1e-6));
            Assert.True((moved[.., .., .., 2..] - image[.., .., .., ..4]).abs().max().item<float>() < 1e-6);
        }
    }

    [Theory]
    [InlineData("searched-10", 10)]
    [InlineData("searched-31", 31)]
    [InlineData("wide-31", 31)]
    public void Magnitudes_are_torchvisions(string space, int levels)
    {
        var magnitudes = space == "wide-31" ? Magnitudes.Wide(levels) : Magnitudes.Searched(levels, 24, 32);
        foreach (var name in Torchvision.Operations(space))
        {
            var (kind, recorded) = (Enum.Parse<Operation>(name), Torchvision.Magnitudes(space, name));
            var signed = kind is > Operation.Identity and <= Operation.Sharpness;
            for (var level = 0; level < recorded.Length; level++)
            {
                Assert.Equal(recorded[level], magnitudes.At(kind, level, negative: false).Magnitude, 1e-4);
                var negative = magnitudes.At(kind, level, negative: true).Magnitude;
                Assert.Equal(signed ? -recorded[level] : recorded[level], negative, 1e-4);
            }
        }
    }

    [Theory]
    [InlineData("cifar10")]
    [InlineData("imagenet")]
    [InlineData("svhn")]
    public void The_policies_are_torchvisions(string name)
    {
        var ours = name switch
        {
            "cifar10" => AutoAugmentPolicies.Cifar10,
            "imagenet" => AutoAugmentPolicies.ImageNet,
            _ => AutoAugmentPolicies.Svhn,
        };
        static (string, double, int) Plain(PolicyMove move) =>
            (move.Kind.ToString(), move.Probability, move.Kind >= Operation.AutoContrast ? -1 : move.Level);
        Assert.Equal(Torchvision.Policy(name), ours.Select(p => new[] { Plain(p.First), Plain(p.Second) }));
    }
}
