using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Layout;

public class ChannelsLastTests
{
    private static Sequential Net() =>
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding: 1, bias: false),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride: 2, padding: 1, groups: 2),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 5)
        );

    [Fact]
    public void Values_and_shape_stay_and_memory_order_changes()
    {
        using var scope = NewDisposeScope();
        var x = arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5);
        var y = x.ToChannelsLast();
        Assert.Equal([60, 1, 15, 3], y.stride());
        Assert.True(y.equal(x).all().item<bool>());
        Assert.True(y.IsChannelsLast());
        Assert.False(x.IsChannelsLast());
        Assert.Equal(x.data<long>().ToArray(), y.contiguous().data<long>().ToArray());
    }

    [Fact]
    public void A_tensor_that_has_the_layout_is_not_copied_and_its_old_handle_may_go()
    {
        using var scope = NewDisposeScope();
        var x = randn(2, 3, 4, 5).ToChannelsLast();
        var again = x.ToChannelsLast();
        again.fill_(1);
        Assert.Equal(1, x.mean().item<float>());
        x.Dispose();
        Assert.Equal(1, again.mean().item<float>());
    }

    [Theory]
    [InlineData(2, 1, 4, 5)]
    [InlineData(2, 7, 1, 1)]
    [InlineData(1, 1, 1, 1)]
    [InlineData(0, 3, 4, 4)]
    public void Where_both_layouts_coincide_a_tensor_has_both(int n, int c, int h, int w)
    {
        using var x = zeros(n, c, h, w);
        Assert.True(x.is_contiguous());
        Assert.True(x.IsChannelsLast());
    }

    [Fact]
    public void Slices_and_other_dimensions_are_not_channels_last()
    {
        using var scope = NewDisposeScope();
        var x = randn(2, 4, 6, 6).ToChannelsLast();
        Assert.False(x.slice(1, 0, 2, 1).IsChannelsLast());
        Assert.False(randn(4, 6, 6).IsChannelsLast());
    }

    [Fact]
    public void Gradients_flow_through_the_conversion()
    {
        using var scope = NewDisposeScope();
        var x = randn(2, 3, 4, 5, requires_grad: true);
        var weight = randn(2, 3, 4, 5);
        (x.ToChannelsLast() * weight).sum().backward();
        Assert.True(x.grad!.equal(weight).all().item<bool>());
    }

    [Fact]
    public void Other_than_four_dimensions_are_refused_with_the_shape()
    {
        using var x = zeros(3, 8, 8);
        var failure = Assert.Throws<KdException>(() => x.ToChannelsLast());
        Assert.StartsWith("KDP0004", failure.Message);
        Assert.Contains("Float32[3, 8, 8]", failure.Message);
    }

    [Fact]
    public void A_module_keeps_its_parameters_their_values_and_their_optimiser()
    {
        using var scope = NewDisposeScope();
        using var net = Net();
        net.forward(randn(2, 3, 8, 8)).sum().backward();
        var parameters = net.parameters().ToArray();
        var copies = parameters.Select(p => p.detach().clone()).ToArray();
        var gradients = parameters.Select(p => p.grad!.clone()).ToArray();
        var optimizer = optim.SGD(parameters, 0.5);

        Assert.Same(net, net.ToChannelsLast());

        var after = net.parameters().ToArray();
        for (var i = 0; i < parameters.Length; i++)
        {
            Assert.Same(parameters[i], after[i]);
            Assert.True(after[i].equal(copies[i]).all().item<bool>());
            Assert.True(after[i].is_leaf && after[i].requires_grad);
            Assert.Equal(after[i].stride(), after[i].grad!.stride());
            Assert.Equal(after[i].dim() == 4, after[i].IsChannelsLast());
        }
        optimizer.step();
        for (var i = 0; i < parameters.Length; i++)
            Assert.True(after[i].equal(copies[i] - 0.5 * gradients[i]).all().item<bool>());

        net.ToContiguous();
        Assert.All(net.parameters(), p => Assert.True(p.is_contiguous()));
        Assert.All(net.parameters(), p => Assert.True(p.grad!.is_contiguous()));
    }

    [Fact]
    public void A_channels_last_net_keeps_its_layout_to_the_end_and_its_gradients_too()
    {
        using var scope = NewDisposeScope();
        using var net = Net().ToChannelsLast();
        var x = randn(4, 3, 8, 8).ToChannelsLast();
        var y = x;
        for (var i = 0; i < 6; i++)
        {
            y = net[i].call(y);
            Assert.True(y.IsChannelsLast());
        }
        net[8].call(net[7].call(net[6].call(y))).square().sum().backward();
        Assert.All(net.parameters(), p => Assert.Equal(p.stride(), p.grad!.stride()));
    }

    // float64 has no vendor kernels and no noise worth the name: the layouts must agree to rounding.
    [Fact]
    public void Outputs_and_gradients_agree_with_the_plain_layout_in_float64()
    {
        using var scope = NewDisposeScope();
        var (plainOutput, plainGradients) = Step(ScalarType.Float64, channelsLast: false);
        var (output, gradients) = Step(ScalarType.Float64, channelsLast: true);
        Assert.True(RelativeError(output, plainOutput) < 1e-13);
        Assert.True(RelativeError(gradients, plainGradients) < 1e-12);
    }

    // In float32 each layout has its own kernels and rounding. The measure is float64: channels_last may be no further
    // from it than four times the plain layout is (plus one unit in the last place per thousand summands).
    [Fact]
    public void In_float32_channels_last_is_as_near_to_float64_as_the_plain_layout()
    {
        using var scope = NewDisposeScope();
        var (exactOutput, exactGradients) = Step(ScalarType.Float64, channelsLast: false);
        var (plainOutput, plainGradients) = Step(ScalarType.Float32, channelsLast: false);
        var (output, gradients) = Step(ScalarType.Float32, channelsLast: true);
        double Allowed(Tensor plain, Tensor exact) => 4 * RelativeError(plain, exact) + 1e-6;
        Assert.InRange(RelativeError(output, exactOutput), 0, Allowed(plainOutput, exactOutput));
        Assert.InRange(RelativeError(gradients, exactGradients), 0, Allowed(plainGradients, exactGradients));
    }

    private static double RelativeError(Tensor actual, Tensor expected) =>
        ((actual.to(ScalarType.Float64) - expected).norm() / expected.norm()).item<double>();

    private static (Tensor Output, Tensor Gradients) Step(ScalarType dtype, bool channelsLast)
    {
        random.manual_seed(7);
        var net = Net();
        var x = randn(8, 3, 16, 16).to(dtype);
        var target = randint(0, 5, [8]);
        net.to(dtype);
        if (channelsLast)
        {
            net.ToChannelsLast();
            x = x.ToChannelsLast();
        }
        var output = net.forward(x);
        nn.functional.cross_entropy(output, target).backward();
        return (output.detach(), cat([.. net.parameters().Select(p => p.grad!.flatten())]));
    }
}
