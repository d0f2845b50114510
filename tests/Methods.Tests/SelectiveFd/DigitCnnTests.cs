using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelectiveFd.Tests;

/// <summary>The clients' network of the published code.</summary>
public sealed class DigitCnnTests
{
    private static INetwork Made(params long[] input) =>
        Stubs.Plugin<DigitCnnPlugin>(new DigitCnnOptions()).Create(new ModelRequest(input, 10, Stubs.Data(input, 10)));

    [Fact]
    public void Golden_7_logits_and_parameters()
    {
        using var scope = NewDisposeScope();
        using var evaluation = no_grad();
        var network = Made(1, 28, 28);
        Assert.Equal(21_840, network.Module.parameters().Sum(p => p.numel()));
        foreach (var (name, p) in network.Module.named_parameters())
        {
            var k = arange(p.numel(), ScalarType.Float64);
            p.copy_(
                name.EndsWith("bias", StringComparison.Ordinal) ? zeros_like(p) : ((k + 1).sin() * .5).view(p.shape)
            );
        }
        network.Module.to(ScalarType.Float64).eval();
        var x = (arange(784, ScalarType.Float64) * .1).sin().view(1, 1, 28, 28);
        var output = network.Forward(x, null!, ["layer1", "layer2"]);
        double[] expected =
        [
            -0.0545995365,
            0.0509251442,
            0.1528816048,
            0.2441259657,
            0.3182649225,
            0.3701037108,
            0.3960100933,
            0.3941688632,
            0.3647090317,
            0.3096947885,
        ];
        Assert.All(expected.Zip(output.Logits.data<double>().ToArray()), p => Assert.Equal(p.First, p.Second, 5e-7));
        Assert.Equal([1, 10, 12, 12], output.Feature("layer1").shape);
        Assert.Equal([1, 20, 4, 4], output.Feature("layer2").shape);
        Assert.Equal([1, 50], output.Embedding.shape);
    }

    [Fact]
    public void Small_images_are_refused()
    {
        Made(3, 16, 16).Module.Dispose();
        Assert.StartsWith("KDP0303 Model 'digit-cnn'", Assert.Throws<KdException>(() => Made(3, 15, 16)).Message);
    }
}
