using KdPlugins.Core;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

/// <summary>Wide ResNets cut behind the second stage, held against published code that bridges them there.</summary>
public class TailNumbersTests
{
    [Theory]
    [InlineData("wrn_40_2", 100, 2255156, 1720036, 32)]
    [InlineData("wrn_40_1", 100, 569780, 434084, 16)]
    [InlineData("wrn_10_1", 10, 77850, 58314, 16)]
    public void A_tail_has_as_many_parameters_as_published(
        string member,
        int classes,
        long whole,
        long tail,
        long width
    )
    {
        using var scope = NewDisposeScope();
        var network = (ISplittableNetwork)Zoo.Create(member, classes, 32);
        Assert.Equal(whole, network.Parameters());
        Assert.Equal(tail, network.CloneTail("layer2").Parameters());
        Assert.Equal("layer2", network.Cuts[^1]);
        Assert.Equal([16, 32, 32], network.Shape.Tap("stem").Shape);
        Assert.Equal([width, 32, 32], network.Shape.Tap("layer1").Shape);
        Assert.Equal([2 * width, 16, 16], network.Shape.Tap("layer2").Shape);
        Assert.Equal([4 * width, 8, 8], network.Shape.Tap("layer3").Shape);
        Assert.Equal([4 * width], network.Shape.Tap("pooled").Shape);
    }

    [Theory]
    [InlineData(
        false,
        27.0020437588,
        0.1654298895,
        -0.0552921958,
        -0.0931471074,
        0.1602480526,
        -0.0639668822,
        -0.0766249637
    )]
    [InlineData(
        true,
        43.2506403249,
        0.2394033320,
        0.0998820129,
        -0.3699778132,
        0.2105898725,
        0.0825095814,
        -0.3184535956
    )]
    public void A_tail_of_one_block_answers_as_published(bool training, double sum, params double[] logits)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var tail = Tail();
        Assert.Equal(259, tail.Parameters());
        tail.Module.train(training);
        var h = arange(2 * 2 * 16 * 16, ScalarType.Float64).mul(0.3).sin().view(2, 2, 16, 16);
        var output = tail.Forward(h, null, ["layer3"]);
        Assert.Equal([2, 4, 8, 8], output.Feature("layer3").shape);
        Assert.Equal(sum, output.Feature("layer3").sum().item<double>(), 1e-8);
        Assert.All(
            logits.Zip(output.Logits.flatten().data<double>().ToArray()),
            pair => Assert.Equal(pair.First, pair.Second, 1e-9)
        );
    }

    // 2 to 4 channels, 3 classes; weights 0.5 sin(k + 1), biases 0.
    private static INetwork Tail()
    {
        ImageShape image = new(3, 32, 32, 3);
        var network = new StagedNetwork(
            frozen => WideResNet.Build("small", [2, 3, 2, 4], 1, 0, image, frozen),
            [3, 32, 32],
            3
        );
        var tail = network.CloneTail("layer2");
        tail.Module.to(ScalarType.Float64);
        foreach (var (name, p) in tail.Module.named_parameters())
            if (p.dim() > 1)
                p.copy_(arange(1, p.numel() + 1, ScalarType.Float64).sin().mul(0.5).view(p.shape));
            else if (name.StartsWith("fc.", StringComparison.Ordinal))
                p.zero_();
        return tail;
    }
}
