using KdPlugins.Core;
using KdPlugins.Testing;

namespace Plugin._1.Tests;

public sealed class KdClassDatasetTests
{
    private static readonly KdClassOptions Small = new()
    {
        Train = 64,
        Test = 16,
        Size = 16,
    };

    public static IEnumerable<object[]> Checks =>
        Conformance.Dataset<KdClassDataset>(new() { Options = Small }).Theory();

    [SkippableTheory, MemberData(nameof(Checks))]
    public void Conforms(ConformanceCheck check)
    {
        var outcome = check.Run();
        Skip.If(outcome.IsSkipped, outcome.Detail);
    }

    [Fact]
    public void Classes_take_turns_and_splits_differ()
    {
        using var data = Stubs.Plugin<KdClassDataset>(Small).Open("");
        var (train, test) = (
            data.Open("train").Read(new long[] { 0, 1, 2, 5 }),
            data.Open("test").Read(new long[] { 0 })
        );
        Assert.Equal([0, 1, 2, 1], ((ClassIndexTarget)train.Target).Labels.data<long>().ToArray());
        Assert.False(train.Input[0].equal(test.Input[0]).all().item<bool>());
    }

    [Fact]
    public void The_fingerprint_follows_from_the_options()
    {
        static string Of(KdClassOptions options) => Stubs.Plugin<KdClassDataset>(options).Open("").Fingerprint;
        Assert.NotEqual(Of(Small), Of(Small with { Seed = 1 }));
    }
}
