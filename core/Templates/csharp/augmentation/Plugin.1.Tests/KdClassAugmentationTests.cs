using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace Plugin._1.Tests;

public sealed class KdClassAugmentationTests
{
    public static IEnumerable<object[]> Checks => Conformance.Augmentation<KdClassAugmentation>().Theory();

    [SkippableTheory, MemberData(nameof(Checks))]
    public void Conforms(ConformanceCheck check)
    {
        var outcome = check.Run();
        Skip.If(outcome.IsSkipped, outcome.Detail);
    }

    [Fact]
    public void Every_image_has_its_own_factor_within_the_strength()
    {
        var augmentation = Stubs.Plugin<KdClassAugmentation>(new KdClassOptions { Strength = 0.5 });
        var grey = new Batch(full([64, 1, 1, 1], 0.5f), new NoTarget(64), arange(64, ScalarType.Int64));
        var after = augmentation.Apply(grey, new PartContextStub());
        var values = after.Input.data<float>().ToArray();
        Assert.All(values, v => Assert.InRange(v, 0.25f, 0.75f));
        Assert.True(values.Distinct().Count() > 32 && values.Min() < 0.35f && values.Max() > 0.65f);
        Assert.Equal(values, after.Parameters["plugin-id-1.factor"].data<float>().Select(f => 0.5f * f));
    }
}
