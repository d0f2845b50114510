using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Frozen;

public class FrozenLinearTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void It_computes_what_the_layer_computes_in_its_own_dtype_and_draws_nothing(bool bias)
    {
        using var scope = NewDisposeScope();
        var linear = nn.Linear(5, 3, hasBias: bias);
        var x = randn(4, 5);
        var expected = linear.call(x).detach();
        using var watch = DrawWatch.Begin();
        foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.Float64, ScalarType.BFloat16])
        {
            var frozen = FrozenLinear.From(linear, dtype);
            Assert.Empty(frozen.parameters());
            using (Autocast.BFloat16(CPU))
            {
                var actual = frozen.call(x);
                Assert.Equal(dtype, actual.dtype);
                var tolerance = dtype == ScalarType.BFloat16 ? 0.05 : 1e-6;
                Assert.True(actual.to(ScalarType.Float32).allclose(expected, tolerance, tolerance));
            }
        }
        Assert.False(watch.HasDrawn);
    }

    [Fact]
    public void Its_weights_are_its_own_and_gradients_reach_the_input()
    {
        using var scope = NewDisposeScope();
        var linear = nn.Linear(5, 3);
        var frozen = FrozenLinear.From(linear);
        var x = randn(4, 5).requires_grad_();
        var before = frozen.call(x);
        using (no_grad())
            linear.weight.zero_();
        Assert.True(frozen.call(x).equal(before).all().item<bool>());
        before.sum().backward();
        Assert.True(x.grad!.abs().sum().item<float>() > 0);
    }
}
