using KdPlugins.Core;
using KdPlugins.Models;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

public sealed class InversionTests
{
    [Fact]
    public void A_network_that_disposes_its_activations_gives_gradients_all_the_same()
    {
        using var _ = NewDisposeScope();
        var plugin = Stubs.Plugin<CifarResNetPlugin>(new CifarResNetOptions { Depth = 8 });
        var network = plugin.Create(new ModelRequest([3, 8, 8], 4, Stubs.Data([3, 8, 8], 4)));
        network.Module.eval();
        var x = rand(4, 3, 8, 8).requires_grad_(true);
        var (ce, gap) = Terms(network, x, arange(4));
        (ce + gap).backward();
        Assert.True(x.grad!.isfinite().all().item<bool>());
        Assert.True(x.grad.norm().item<float>() > 0);
    }

    [Fact]
    public void Probing_leaves_no_tensor_behind()
    {
        var plugin = Stubs.Plugin<CifarResNetPlugin>(new CifarResNetOptions { Depth = 8 });
        var network = plugin.Create(new ModelRequest([3, 8, 8], 4, Stubs.Data([3, 8, 8], 4)));
        network.Module.eval();
        void Step()
        {
            using var scope = StepScope.Begin();
            var x = rand(4, 3, 8, 8).requires_grad_(true);
            var (ce, gap) = Terms(network, x, arange(4));
            (ce + gap).backward();
        }
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 20; i++)
            Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    internal static (Tensor Ce, Tensor Gap) Terms(INetwork network, Tensor images, Tensor labels)
    {
        var (output, norms) = NormStatistics.During(
            network.Module,
            unbiased: false,
            () => network.Forward(images, null, [])
        );
        var (ce, gap) = Inversion.Terms(output, norms, labels, 10);
        Assert.True(norms.Norms.Count > 0);
        return (ce, gap);
    }
}
