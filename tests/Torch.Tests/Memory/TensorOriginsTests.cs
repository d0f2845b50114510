using System.Runtime.CompilerServices;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Memory;

public sealed class TensorOriginsTests : IDisposable
{
    private readonly List<Tensor> _leaked = [];

    public TensorOriginsTests()
    {
        StepScopeTests.Collected();
        TensorOrigins.Enabled = true;
    }

    public void Dispose()
    {
        TensorOrigins.Enabled = false;
        _leaked.ForEach(t => t.Dispose());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Leak(StepScope scope) => _leaked.Add(scope.KeepAlways(ones(64, 10)));

    [Fact]
    public void What_survived_a_scope_is_reported_with_the_place_that_made_it()
    {
        StepScope scope;
        using (scope = StepScope.Begin())
        {
            var x = ones(5);
            for (var i = 0; i < 3; i++)
                Leak(scope);
            x = x + 1;
        }
        Assert.Equal(3, scope.Survivors.Count);
        Assert.All(
            scope.Survivors,
            s =>
            {
                Assert.Equal(("Float32[64, 10]", 2560), (s.Tensor, s.Bytes));
                Assert.StartsWith("TensorOriginsTests.Leak (TensorOriginsTests.cs:", s.MadeAt);
                Assert.Contains(" <- TensorOriginsTests.What_survived_a_scope", s.MadeAt);
            }
        );
        Assert.StartsWith("3 x Float32[64, 10], 7.5 KB: TensorOriginsTests.Leak", TensorOrigins.Report());
    }

    [Fact]
    public void A_scope_that_leaves_nothing_has_no_survivors()
    {
        StepScope scope;
        using (scope = StepScope.Begin())
        {
            ones(5);
            using var x = ones(2) + 1;
        }
        Assert.Empty(scope.Survivors);
        Assert.Equal("", TensorOrigins.Report());
    }

    [Fact]
    public void Without_the_option_nothing_is_remembered()
    {
        TensorOrigins.Enabled = false;
        StepScope scope;
        using (scope = StepScope.Begin())
            Leak(scope);
        Assert.Empty(scope.Survivors);
        Assert.Equal("", TensorOrigins.Report());
    }

    [Fact]
    public void The_report_does_not_keep_tensors_alive()
    {
        var before = LiveTensors.Count;
        Drop();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(before, LiveTensors.Count);
        Assert.Equal("", TensorOrigins.Report());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop()
    {
        using var scope = StepScope.Begin();
        scope.KeepAlways(ones(7));
    }
}
