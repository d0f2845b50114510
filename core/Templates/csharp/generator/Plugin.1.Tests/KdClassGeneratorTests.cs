using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace Plugin._1.Tests;

public sealed class KdClassGeneratorTests
{
    public static IEnumerable<object[]> Checks => Conformance.Generator<KdClassGenerator>().Theory();

    [SkippableTheory, MemberData(nameof(Checks))]
    public void Conforms(ConformanceCheck check)
    {
        var outcome = check.Run();
        Skip.If(outcome.IsSkipped, outcome.Detail);
    }

    [Fact]
    public void Both_layers_are_trained()
    {
        var generator = Stubs.Plugin<KdClassGenerator>(new KdClassOptions { Latent = 5, Width = 7 });
        generator.Bind(new(Stubs.Data([3, 4, 4], classes: 2), CPU));
        // 5 * 7 + 7 for the hidden layer, 7 * 48 + 48 for the pixels.
        Assert.Equal(426, generator.Module!.parameters().Sum(p => p.NumberOfElements));
    }
}
