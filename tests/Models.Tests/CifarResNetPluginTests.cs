using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

public class CifarResNetPluginTests
{
    private static INetwork Create(CifarResNetOptions options, long[] input, long classes)
    {
        var plugin = new CifarResNetPlugin();
        ((IPlugin)plugin).Configure(options);
        var data = new DataInfo(InputKind.Image, input, TargetKind.ClassIndex, classes, [], [], [], []);
        return plugin.Create(new ModelRequest(input, classes, data));
    }

    [Theory]
    [InlineData(8, false, 3, 8, 8, 10)]
    [InlineData(20, false, 1, 28, 28, 10)]
    [InlineData(14, true, 4, 33, 17, 3)]
    public void The_published_shape_is_what_a_forward_pass_gives(
        int depth,
        bool wide,
        long channels,
        long height,
        long width,
        long classes
    )
    {
        using var scope = NewDisposeScope();
        var network = Create(new() { Depth = depth, Wide = wide }, [channels, height, width], classes);
        var shape = network.Shape;
        var output = network.Forward(randn(2, channels, height, width), null, shape.Taps.Select(t => t.Name).ToArray());
        Assert.Equal([2, classes], output.Logits.shape);
        Assert.Equal(classes, shape.Classes);
        Assert.Equal([2, shape.Embedding], output.Embedding.shape);
        Assert.Equal(CifarResNet.TapNames, shape.Taps.Select(t => t.Name));
        foreach (var tap in shape.Taps)
        {
            Assert.Equal([2, .. tap.Shape], output.Feature(tap.Name).shape);
            Assert.Equal(tap.IsPreActivation, output.Feature(tap.Name).min().item<float>() < 0);
        }
    }

    [Fact]
    public void Only_the_taps_that_are_asked_for_come_back_and_asking_changes_no_number()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        var network = Create(new() { Depth = 14 }, [3, 16, 16], 5);
        network.Module.eval();
        var x = randn(2, 3, 16, 16);
        var none = network.Forward(x, null, null);
        var some = network.Forward(x, null, ["layer2", "layer1.preact"]);
        Assert.Empty(none.Features);
        Assert.Equal(["layer1.preact", "layer2"], some.Features.Keys.Order());
        Assert.Equal(none.Logits.data<float>().ToArray(), some.Logits.data<float>().ToArray());
        Assert.Equal(none.Embedding.data<float>().ToArray(), some.Embedding.data<float>().ToArray());
        Assert.True(some.Feature("layer1.preact").min().item<float>() < 0);
    }

    [Fact]
    public void An_unknown_tap_is_answered_with_the_taps_and_their_shapes()
    {
        var network = Create(new() { Depth = 8 }, [3, 16, 16], 5);
        var failure = Assert.Throws<KdException>(() => network.Forward(zeros(1, 3, 16, 16), null, ["layer4"]));
        Assert.Equal(CoreErrors.TapMissing, failure.Code);
        Assert.Contains("layer3 [64, 4, 4]", failure.Message);
    }

    [Theory]
    [InlineData(new long[] { 3, 7, 32 }, 10, "[3, 7, 32]")]
    [InlineData(new long[] { 0, 32, 32 }, 10, "[0, 32, 32]")]
    [InlineData(new long[] { -1 }, 10, "[-1]")]
    [InlineData(new long[] { 3, 32, 32 }, 0, "class")]
    public void Inputs_that_no_such_network_can_take_are_refused(long[] input, long classes, string named)
    {
        var failure = Assert.Throws<KdException>(() => Create(new(), input, classes));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains(named, failure.Message);
    }

    [Theory]
    [InlineData(21)]
    [InlineData(0)]
    public void Depths_other_than_those_of_the_family_do_not_pass_validation(int depth)
    {
        var options = new CifarResNetOptions { Depth = depth };
        Assert.False(Validator.TryValidateObject(options, new ValidationContext(options), null, true));
    }

    [Fact]
    public void A_narrower_stem_changes_the_stem_only()
    {
        var network = Create(new() { Depth = 8, StemWidth = 4 }, [3, 16, 16], 5);
        Assert.Equal([4, 16, 16], network.Shape.Tap("stem").Shape);
        Assert.Equal([16, 16, 16], network.Shape.Tap("layer1").Shape);
    }

    [Fact]
    public void Equal_seeds_make_equal_networks()
    {
        Tensor Weight()
        {
            random.manual_seed(7);
            return Create(new() { Depth = 8 }, [3, 16, 16], 5).Module.state_dict()["fc.weight"];
        }
        Assert.Equal(Weight().data<float>().ToArray(), Weight().data<float>().ToArray());
    }
}
