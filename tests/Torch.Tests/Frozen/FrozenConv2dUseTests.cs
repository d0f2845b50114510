using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static KdPlugins.Torch.Tests.Frozen.FrozenReference;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Frozen;

/// <summary>What a frozen convolution does to its surroundings, and what it refuses.</summary>
public class FrozenConv2dUseTests
{
    [Fact]
    public void Arguments_stay_as_they_are_unless_overwriting_is_allowed()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (convolution, norm) = Layers(new Case(16, 16));
        var frozen = FrozenConv2d.From(convolution, norm, relu: true);
        var x = randn(2, 16, 8, 8).ToChannelsLast();
        var residual = randn(2, 16, 8, 8).ToChannelsLast();
        var (x0, residual0) = (x.clone(), residual.clone());
        frozen.call(x);
        var kept = frozen.ForwardAdd(x, residual);
        var twice = frozen.ForwardAdd(x, x, overwriteResidual: true);
        Assert.True(x.equal(x0).all().item<bool>());
        Assert.True(residual.equal(residual0).all().item<bool>());
        Assert.True(twice.allclose(frozen.ForwardAdd(x, x.clone())));
        var overwritten = frozen.ForwardAdd(x, residual, overwriteResidual: true);
        Assert.True(overwritten.allclose(kept));
        Assert.True(residual.equal(overwritten).all().item<bool>());
    }

    [Fact]
    public void It_holds_its_own_copy_of_the_weights()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.Float64])
        {
            var (convolution, norm) = Layers(new Case(4, 4, Bias: true));
            convolution.to(dtype);
            var frozen = FrozenConv2d.From(convolution, dtype: dtype);
            var x = randn(1, 4, 5, 5).to(dtype);
            var before = frozen.call(x).clone();
            convolution.weight.zero_();
            convolution.bias!.zero_();
            Assert.True(frozen.call(x).equal(before).all().item<bool>());
        }
    }

    [Fact]
    public void It_can_be_converted_after_use()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (convolution, norm) = Layers(new Case(4, 8));
        var frozen = FrozenConv2d.From(convolution, norm);
        var x = randn(2, 4, 6, 6);
        frozen.call(x);
        frozen.to(ScalarType.BFloat16);
        Assert.Equal(["weight", "bias"], frozen.state_dict().Keys);
        var y = frozen.call(x);
        Assert.Equal(ScalarType.BFloat16, y.dtype);
        Assert.InRange(RelativeError(y, Exact(convolution, norm, x)), 0, BFloat16Error);
    }

    [Fact]
    public void Threads_share_it()
    {
        using var outer = NewDisposeScope();
        using var noGrad = no_grad();
        var (convolution, norm) = Layers(new Case(8, 8));
        var frozen = FrozenConv2d.From(convolution, norm);
        Parallel.For(
            0,
            40,
            i =>
            {
                using var scope = NewDisposeScope();
                using var inner = no_grad();
                var x = randn(1 + i % 7, 8, 8, 8);
                Assert.InRange(RelativeError(frozen.call(x), Exact(convolution, norm, x)), 0, Float32Error);
            }
        );
    }

    [Fact]
    public void What_cannot_be_frozen_is_refused_with_the_reason()
    {
        using var scope = NewDisposeScope();
        string Refusal(Conv2d convolution, BatchNorm2d? norm = null)
        {
            var failure = Assert.Throws<KdException>(() => FrozenConv2d.From(convolution, norm));
            Assert.Equal("KDP0004", failure.Code.Id);
            return failure.Message;
        }
        Assert.Contains("Reflect", Refusal(nn.Conv2d(3, 4, 3, padding: 1, padding_mode: PaddingModes.Reflect)));
        Assert.Contains("Same", Refusal(nn.Conv2d(3, 4, 3, Padding.Same)));
        Assert.Contains("statistics", Refusal(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats: false)));
        Assert.Contains("4 channels", Refusal(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(5)));
    }

    [Fact]
    public void A_wrong_input_or_residual_is_refused_with_its_shape()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (convolution, norm) = Layers(new Case(4, 8));
        var frozen = FrozenConv2d.From(convolution, norm);
        frozen.call(randn(1, 4, 6, 6));
        KdException Refusal(Func<Tensor> call, string code)
        {
            var failure = Assert.Throws<KdException>(call);
            Assert.Equal(code, failure.Code.Id);
            return failure;
        }
        var channels = Refusal(() => frozen.call(randn(1, 5, 6, 6)), "KDP0004");
        Assert.Contains("[batch, 4, height, width], got Float32[1, 5, 6, 6]", channels.Message);
        foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.Float64])
        {
            frozen.to(dtype);
            foreach (var size in (long[])[1, 5, 7])
            {
                var sum = Refusal(() => frozen.ForwardAdd(randn(1, 4, 6, 6), randn(1, 8, size, size)), "KDP0004");
                Assert.Contains("gives [1, 8, 6, 6]", sum.Message);
                Assert.Contains($"{dtype}[1, 8, {size}, {size}]", sum.Message);
            }
        }
        frozen.to(ScalarType.Float32);
        var (unpadded, _) = Layers(new Case(4, 8, Padding: 0));
        var small = Refusal(() => FrozenConv2d.From(unpadded).call(randn(1, 4, 2, 2)), "KDP0002");
        Assert.Contains("Float32[1, 4, 2, 2]", small.Message);
        Refusal(() => frozen.call(randn(4, 6, 6)), "KDP0004");
    }

    [Fact]
    public void Repeated_use_leaves_no_tensor_behind()
    {
        using var noGrad = no_grad();
        var (convolution, norm) = Layers(new Case(4, 4));
        using var frozen = FrozenConv2d.From(convolution, norm, relu: true);
        void Use()
        {
            using var scope = NewDisposeScope();
            var x = randn(1, 4, 6, 6);
            frozen.ForwardAdd(frozen.call(x), x.requires_grad_(), overwriteResidual: true);
        }
        Use();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++)
            Use();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
