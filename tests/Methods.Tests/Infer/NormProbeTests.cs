using KdPlugins.Core;
using KdPlugins.Models;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

public sealed class NormProbeTests
{
    [Fact]
    public void Gaps_are_those_of_every_norms_input_in_the_order_of_computation()
    {
        using var _ = NewDisposeScope();
        var (first, second) = (nn.BatchNorm2d(2), nn.BatchNorm2d(2));
        var net = nn.Sequential(first, nn.ReLU(), second);
        net.eval();
        var x = rand(4, 2, 3, 3) * 4 - 1;
        using var probe = new NormProbe(net);
        var y = net.call(x);
        Assert.Equal(2, probe.Gaps.Count);
        Assert.Equal(Oracle(x, first), probe.Gaps[0].item<float>(), 1e-4);
        Assert.Equal(Oracle(first.call(x).relu(), second), probe.Gaps[1].item<float>(), 1e-4);
    }

    [Fact]
    public void Norms_that_do_not_compute_do_not_count_and_the_net_is_free_afterwards()
    {
        using var _ = NewDisposeScope();
        var net = new Skipping();
        var x = rand(4, 2, 3, 3);
        var probe = new NormProbe(net);
        net.call(x);
        Assert.Single(probe.Gaps);
        ((IDisposable)probe).Dispose();
        net.call(x);
        Assert.Single(probe.Gaps);
    }

    [Fact]
    public void A_network_that_disposes_its_activations_gives_gradients_all_the_same()
    {
        using var _ = NewDisposeScope();
        var plugin = Stubs.Plugin<CifarResNetPlugin>(new CifarResNetOptions { Depth = 8 });
        var network = plugin.Create(new ModelRequest([3, 8, 8], 4, Stubs.Data([3, 8, 8], 4)));
        network.Module.eval();
        var x = rand(4, 3, 8, 8).requires_grad_(true);
        var (ce, gap) = Inversion.Terms("teacher", network, x, arange(4), 10);
        (ce + gap).backward();
        Assert.True(x.grad!.isfinite().all().item<bool>());
        Assert.True(x.grad.norm().item<float>() > 0);
        using var probe = new NormProbe(network.Module);
        network.Forward(x, null, []);
        Assert.Equal(9, probe.Gaps.Count);
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
            var (ce, gap) = Inversion.Terms("teacher", network, x, arange(4), 10);
            (ce + gap).backward();
        }
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 20; i++)
            Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_network_without_norms_is_refused_by_its_role()
    {
        using var _ = NewDisposeScope();
        var error = Assert.Throws<KdException>(() =>
        {
            Inversion.Terms("flat", new Flat(), rand(4, 3, 8, 8), arange(4), 10);
        });
        Assert.Equal("KDP0306", error.Code.Id);
        Assert.Contains("'flat'", error.Message);
    }

    // A plain loop in double.
    private static double Oracle(Tensor x, BatchNorm2d norm)
    {
        var (values, channels) = (x.contiguous().data<float>().ToArray(), (int)x.shape[1]);
        var (area, count) = ((int)(x.shape[2] * x.shape[3]), (int)x.shape[0]);
        var (means, variances) = (0.0, 0.0);
        for (var c = 0; c < channels; c++)
        {
            var own = new List<double>();
            for (var n = 0; n < count; n++)
            for (var p = 0; p < area; p++)
                own.Add(values[(n * channels + c) * area + p]);
            var mean = own.Average();
            means += Math.Pow(mean - norm.running_mean![c].item<float>(), 2);
            variances += Math.Pow(own.Average(v => (v - mean) * (v - mean)) - norm.running_var![c].item<float>(), 2);
        }
        return Math.Sqrt(means) + Math.Sqrt(variances);
    }

    // As the first block of the CIFAR EfficientNet, which has a norm that it never runs.
    private sealed class Skipping : nn.Module<Tensor, Tensor>
    {
        private readonly BatchNorm2d unused = nn.BatchNorm2d(2);
        private readonly BatchNorm2d used = nn.BatchNorm2d(2);

        internal Skipping()
            : base("skipping") => RegisterComponents();

        public override Tensor forward(Tensor x) => used.call(x);
    }

    private sealed class Flat : INetwork
    {
        private readonly Sequential _net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4));

        public nn.Module Module => _net;

        public NetworkShape Shape => new([3, 8, 8], 4, 0, []);

        public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps) =>
            new(_net.call(input), null, new Dictionary<string, Tensor>());
    }
}
