using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;

namespace Plugin._1.Tests;

public sealed class KdClassModelTests
{
    public static IEnumerable<object[]> Checks => Conformance.Model<KdClassModel>().Theory();

    public static IEnumerable<object[]> ChecksWithDropout =>
        Conformance.Model<KdClassModel>(new() { Options = new KdClassOptions { Dropout = 0.5 } }).Theory();

    [SkippableTheory]
    [MemberData(nameof(Checks))]
    [MemberData(nameof(ChecksWithDropout))]
    public void Conforms(ConformanceCheck check)
    {
        var outcome = check.Run();
        Skip.If(outcome.IsSkipped, outcome.Detail);
    }

    [Fact]
    public void It_has_the_parameters_of_its_layers()
    {
        // 3 * 9 * 4 + 2 * 4, 4 * 9 * 8 + 2 * 8, 8 * 10 + 10.
        var network = Made([3, 32, 32]);
        Assert.Equal(510, network.Module.parameters().Sum(p => p.NumberOfElements));
    }

    [Fact]
    public void Inputs_that_it_cannot_take_are_refused() => Assert.Throws<KdException>(() => Made([3, 2, 2]));

    private static INetwork Made(long[] input) =>
        Stubs.Plugin<KdClassModel>(new KdClassOptions { Width = 4 }).Create(new(input, 10, Stubs.Data(input, 10)));
}
