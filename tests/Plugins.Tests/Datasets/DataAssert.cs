using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>What every data set has to hold to.</summary>
internal static class DataAssert
{
    public static void Fails(ErrorCode code, Func<object> action, params string[] named)
    {
        var failure = Assert.Throws<KdException>(action);
        Assert.Equal(code, failure.Code);
        Assert.All(named, n => Assert.Contains(n, failure.Message));
    }

    /// <summary>Reading is a pure function of the numbers: in any order, in any company, on any thread.</summary>
    public static void ReadsPurely(IDataSource source)
    {
        using var scope = NewDisposeScope();
        var last = source.Count - 1;
        var alone = source.Read(new[] { last });
        var many = source.Read(new[] { 0, last, 0, last / 2 });
        Assert.Equal([0, last, 0, last / 2], many.Indices.data<long>().ToArray());
        Assert.True(alone.Input[0].equal(many.Input[1]).all().item<bool>());
        Assert.True(many.Input[0].equal(many.Input[2]).all().item<bool>());
        var expected = many.Input.bytes.ToArray();
        Parallel.For(
            0,
            8,
            _ =>
            {
                using var inner = NewDisposeScope();
                Assert.Equal(expected, source.Read(new[] { 0, last, 0, last / 2 }).Input.bytes.ToArray());
            }
        );
        foreach (var wrong in new[] { -1, source.Count })
            Fails(
                DataErrors.BadIndex,
                () => source.Read(new[] { wrong }),
                $"Sample {wrong}",
                $"{source.Count} samples"
            );
    }
}
