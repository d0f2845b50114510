using KdPlugins.Tests;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

public class FrozenCifarResNetTests
{
    // Statistics as after some training: not one and zero, and fitting the activations.
    private static CifarResNet Trained(string name)
    {
        random.manual_seed(11);
        var net = CifarResNet.Create(name, 10);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var (n, p) in net.named_parameters())
            if (n.Contains("bn") || n.Contains("downsample.1"))
                p.add_(randn_like(p) * 0.2);
        for (var i = 0; i < 10; i++)
            net.call(randn(16, 3, 32, 32));
        net.eval();
        return net;
    }

    private static double RelativeError(Tensor actual, Tensor exact) =>
        ((actual.to(ScalarType.Float64) - exact).norm() / exact.norm()).item<double>();

    // The measure is the plain network in float64. Folding rounds each weight once more and fuses some roundings away:
    // the frozen network may be no further off than twice the plain one in the same precision (and eight roundings of
    // float32, where the plain one happens to be better than that).
    private const double Floor = 8.0 / (1 << 24);

    [Theory]
    [InlineData("resnet20", 4, 32, ScalarType.Float32)]
    [InlineData("resnet20", 4, 32, ScalarType.BFloat16)]
    [InlineData("resnet8x4", 1, 33, ScalarType.Float32)]
    [InlineData("resnet8x4", 1, 33, ScalarType.BFloat16)]
    public void It_is_as_exact_as_the_plain_network(string name, int batch, int size, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var net = Trained(name);
        using var frozen = net.Freeze(dtype);
        var x = randn(batch, 3, size, size);
        FeatureOutput plain;
        using (dtype == ScalarType.BFloat16 ? Autocast.BFloat16(CPU) : null)
            plain = net.ForwardFeatures(x);
        var output = frozen.ForwardFeatures(x);
        var onlyLogits = frozen.call(x.ToChannelsLast());
        net.to(ScalarType.Float64);
        var exact = net.ForwardFeatures(x.to(ScalarType.Float64));

        Assert.Equal(CifarResNet.TapNames.Order(), output.Features.Keys.Order());
        foreach (var (tap, value) in output.Features)
        {
            Assert.Equal(exact.Features[tap].shape, value.shape);
            Assert.Equal(tap == "pooled" ? ScalarType.Float32 : dtype, value.dtype);
            var allowed = 2 * RelativeError(plain.Features[tap], exact.Features[tap]) + Floor;
            Assert.InRange(RelativeError(value, exact.Features[tap]), 0, allowed);
        }
        var allowedLogits = 2 * RelativeError(plain.Logits, exact.Logits) + Floor;
        Assert.InRange(RelativeError(output.Logits, exact.Logits), 0, allowedLogits);
        Assert.InRange(RelativeError(onlyLogits, exact.Logits), 0, allowedLogits);
        Assert.Equal(ScalarType.Float32, output.Logits.dtype);
    }

    [SkippableFact]
    public void Only_the_taps_asked_for_are_kept_and_they_are_the_same()
    {
        LibTorchFaults.SkipWhereConvolutionsAreWrong();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var net = Trained("resnet14");
        using var frozen = net.Freeze();
        var x = randn(2, 3, 32, 32);
        foreach (
            var get in (Func<string[]?, FeatureOutput>[])
                [t => net.ForwardFeatures(x, t), t => frozen.ForwardFeatures(x, t)]
        )
        {
            var all = get(null);
            foreach (var tap in CifarResNet.TapNames)
            {
                var one = get([tap]);
                Assert.Equal([tap], one.Features.Keys);
                Assert.True(one.Features[tap].allclose(all.Features[tap], 1e-5, 1e-6));
                Assert.True(one.Logits.allclose(all.Logits, 1e-5, 1e-6));
                Assert.True(one.Pooled.allclose(all.Pooled, 1e-5, 1e-6));
            }
            Assert.Empty(get([]).Features);
        }
    }

    [Fact]
    public void Images_get_the_plain_networks_gradients_through_a_frozen_one()
    {
        using var scope = NewDisposeScope();
        var net = Trained("resnet8");
        using var frozen = net.Freeze(ScalarType.Float64);
        net.to(ScalarType.Float64);
        var image = randn(2, 3, 32, 32, ScalarType.Float64);
        // The frozen classifier is float32 and gives float32 logits: the gradient is taken from the last map.
        Tensor Gradient(Func<Tensor, FeatureOutput> f)
        {
            var x = image.clone().requires_grad_();
            f(x).Features["layer3"].square().sum().backward();
            return x.grad!;
        }
        var plain = Gradient(x => net.ForwardFeatures(x));
        var actual = Gradient(x => frozen.ForwardFeatures(x));
        Assert.InRange(RelativeError(actual, plain), 0, 1e-12);
        using var float32 = net.Freeze();
        var input = image.to(ScalarType.Float32).requires_grad_();
        float32.call(input).sum().backward();
        Assert.True(input.grad!.abs().sum().item<float>() > 0);
    }

    [Fact]
    public void Training_goes_on_without_the_frozen_copy()
    {
        using var scope = NewDisposeScope();
        var net = Trained("resnet8");
        using var frozen = net.Freeze();
        var x = randn(2, 3, 32, 32);
        using var noGrad = no_grad();
        var before = frozen.call(x);
        foreach (var p in net.parameters())
            p.zero_();
        Assert.True(frozen.call(x).equal(before).all().item<bool>());
        Assert.DoesNotContain(frozen.parameters(), p => p.requires_grad);
    }

    [Fact]
    public void Repeated_use_leaves_no_tensor_behind()
    {
        using var noGrad = no_grad();
        using var net = Trained("resnet8");
        using var frozen = net.Freeze();
        void Use()
        {
            using var scope = NewDisposeScope();
            var x = randn(2, 3, 32, 32);
            frozen.call(x);
            frozen.ForwardFeatures(x, ["layer2.preact"]);
            frozen.ForwardFeatures(x);
        }
        Use();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 3; i++)
            Use();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
