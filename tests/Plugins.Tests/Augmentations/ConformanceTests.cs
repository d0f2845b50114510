using KdPlugins.Augmentations;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

/// <summary>What the engine relies on, of the simple augmentations.</summary>
[Collection(EngineTests.Name)]
public class ConformanceTests
{
    private static Dictionary<string, ConformanceSuite> Suites() =>
        new()
        {
            ["grayscale"] = Conformance.Augmentation<GrayscaleAugmentation>(
                new() { Options = new GrayscaleOptions { Probability = 0.5 } }
            ),
            ["gaussian-blur"] = Conformance.Augmentation<GaussianBlurAugmentation>(),
            ["solarize"] = Conformance.Augmentation<SolarizeAugmentation>(),
            ["posterize"] = Conformance.Augmentation<PosterizeAugmentation>(),
            ["equalize"] = Conformance.Augmentation<EqualizeAugmentation>(),
            ["random-rotation"] = Conformance.Augmentation<RandomRotationAugmentation>(),
            ["random-affine"] = Conformance.Augmentation<RandomAffineAugmentation>(
                new()
                {
                    Options = new RandomAffineOptions
                    {
                        Degrees = 20,
                        TranslateX = 0.1,
                        MinScale = 0.8,
                    },
                }
            ),
            ["random-crop"] = Conformance.Augmentation<RandomCropAugmentation>(),
            ["random-scale-crop"] = Conformance.Augmentation<RandomScaleCropAugmentation>(),
        };

    public static TheoryData<string> Checks =>
        [.. Suites().SelectMany(suite => suite.Value.Checks.Select(check => $"{suite.Key}/{check.Name}"))];

    [Theory]
    [MemberData(nameof(Checks))]
    public void It_conforms(string name)
    {
        var at = name.IndexOf('/', StringComparison.Ordinal);
        using var scope = NewDisposeScope();
        Suites()[name[..at]].Checks.Single(c => c.Name == name[(at + 1)..]).Run();
    }
}
