using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

public class CifarResNetTests
{
    // Counts at 100 classes, the same in RepDistiller and mdistiller.
    [Theory]
    [InlineData("resnet8", 83892, 56)]
    [InlineData("resnet14", 181108, 92)]
    [InlineData("resnet20", 278324, 128)]
    [InlineData("resnet32", 472756, 200)]
    [InlineData("resnet44", 667188, 272)]
    [InlineData("resnet56", 861620, 344)]
    [InlineData("resnet110", 1736564, 668)]
    [InlineData("resnet8x4", 1233540, 62)]
    [InlineData("resnet32x4", 7433860, 206)]
    public void Parameters_and_state_entries_are_those_of_the_published_models(
        string name,
        long parameters,
        int entries
    )
    {
        using var net = CifarResNet.Create(name, 100);
        Assert.Equal(parameters, net.parameters().Sum(p => p.numel()));
        Assert.Equal(entries, net.state_dict().Count);
    }

    [Fact]
    public void State_names_are_those_of_published_checkpoints_and_parameters_come_in_their_order()
    {
        using var net = CifarResNet.Create("resnet8", 10);
        string[] norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
        string[] Norm(string prefix) => [.. norm.Select(n => $"{prefix}.{n}")];
        string[] Block(string p, bool shortcut) =>
            [
                $"{p}.conv1.weight",
                .. Norm($"{p}.bn1"),
                $"{p}.conv2.weight",
                .. Norm($"{p}.bn2"),
                .. shortcut ? [$"{p}.downsample.0.weight", .. Norm($"{p}.downsample.1")] : Array.Empty<string>(),
            ];
        string[] expected =
        [
            "conv1.weight",
            .. Norm("bn1"),
            .. Block("layer1.0", false),
            .. Block("layer2.0", true),
            .. Block("layer3.0", true),
            "fc.weight",
            "fc.bias",
        ];
        Assert.Equal(expected.Order(), net.state_dict().Keys.Order());
        var buffers = norm[2..];
        var parameters = expected.Where(n => !buffers.Contains(n.Split('.')[^1]));
        Assert.Equal(parameters, net.named_parameters().Select(p => p.name));
    }

    [Fact]
    public void The_first_stage_of_a_wide_net_has_a_shortcut_because_its_width_changes()
    {
        using var net = CifarResNet.Create("resnet8x4", 10);
        Assert.Equal([64, 32, 1, 1], net.state_dict()["layer1.0.downsample.0.weight"].shape);
    }

    [Fact]
    public void Convolutions_start_from_the_fan_out_normal_and_norms_from_one_and_zero()
    {
        random.manual_seed(1);
        using var net = CifarResNet.Create("resnet32x4", 10);
        foreach (var convolution in net.modules().OfType<Conv2d>())
        {
            var n = convolution.weight.numel();
            var fanOut = convolution.weight.shape[0] * convolution.kernel_size[0] * convolution.kernel_size[1];
            var expected = Math.Sqrt(2.0 / fanOut);
            // The standard error of a deviation from n draws is 1/sqrt(2n); five of them.
            Assert.InRange(
                convolution.weight.std().item<float>() / expected - 1,
                -5 / Math.Sqrt(2 * n),
                5 / Math.Sqrt(2 * n)
            );
        }
        foreach (var norm in net.modules().OfType<BatchNorm2d>())
        {
            Assert.All(norm.weight.data<float>(), w => Assert.Equal(1, w));
            Assert.All(norm.bias!.data<float>(), b => Assert.Equal(0, b));
        }
    }

    [Theory]
    [InlineData("resnet20", 32, 16, 16, 32, 64)]
    [InlineData("resnet8x4", 33, 32, 64, 128, 256)]
    public void Taps_have_the_documented_names_and_shapes(string name, int size, int w0, int w1, int w2, int w3)
    {
        using var scope = NewDisposeScope();
        using var net = CifarResNet.Create(name, 7);
        var output = net.ForwardFeatures(randn(2, 3, size, size));
        int half = (size + 1) / 2,
            quarter = (half + 1) / 2;
        Assert.Equal(CifarResNet.TapNames.Order(), output.Features.Keys.Order());
        Assert.Equal([2, 7], output.Logits.shape);
        Assert.Equal([2, w3], output.Pooled.shape);
        Assert.Equal([2, w0, size, size], output.Features["stem"].shape);
        Assert.Equal([2, w1, size, size], output.Features["layer1"].shape);
        Assert.Equal([2, w2, half, half], output.Features["layer2"].shape);
        Assert.Equal([2, w3, quarter, quarter], output.Features["layer3"].shape);
        Assert.Equal([2, w3, quarter, quarter], output.Features["layer3.preact"].shape);
        Assert.Same(output.Pooled, output.Features["pooled"]);
    }

    [Theory]
    [InlineData("resnet8")]
    [InlineData("resnet20")]
    public void Tapping_changes_no_number_and_taps_relate_as_named(string name)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(2);
        using var net = CifarResNet.Create(name, 10);
        net.eval();
        var x = randn(3, 3, 32, 32);
        var plain = net.call(x);
        var output = net.ForwardFeatures(x);
        Assert.Equal(plain.data<float>().ToArray(), output.Logits.data<float>().ToArray());
        for (var stage = 1; stage <= 3; stage++)
        {
            var before = output.Features[$"layer{stage}.preact"];
            Assert.True(before.min().item<float>() < 0);
            Assert.True(before.relu().equal(output.Features[$"layer{stage}"]).all().item<bool>());
        }
        Assert.True(output.Features["stem"].min().item<float>() >= 0);
        Assert.True(output.Features["layer3"].mean([2, 3]).allclose(output.Pooled));
    }

    [Fact]
    public void Gradients_reach_every_parameter_through_taps_and_logits()
    {
        using var scope = NewDisposeScope();
        using var net = CifarResNet.Create("resnet14", 10);
        var output = net.ForwardFeatures(randn(4, 3, 32, 32));
        (output.Logits.square().sum() + output.Features["layer2.preact"].square().mean()).backward();
        Assert.All(net.parameters(), p => Assert.True(p.grad is not null && p.grad.isfinite().all().item<bool>()));
    }

    [Fact]
    public void Training_and_evaluation_leave_no_tensor_behind()
    {
        using var net = CifarResNet.Create("resnet8", 10);
        void Step()
        {
            using var scope = NewDisposeScope();
            net.call(randn(2, 3, 32, 32)).sum().backward();
            net.ForwardFeatures(randn(2, 3, 32, 32));
        }
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 3; i++)
            Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void An_unknown_name_is_answered_with_the_known_ones()
    {
        var failure = Assert.Throws<ArgumentException>(() => CifarResNet.Create("resnet21", 10));
        Assert.Contains("resnet20", failure.Message);
        Assert.Contains("resnet32x4", failure.Message);
    }
}
