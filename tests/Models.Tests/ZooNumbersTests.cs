using KdPlugins.Core;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

/// <summary>Sizes, shapes and names of the published networks.</summary>
public class ZooNumbersTests
{
    // Counts of the published code, at the classes that they were taken with.
    [Theory]
    [InlineData("resnet18", 100, 32, 11220132, 20)]
    [InlineData("resnet18", 10, 32, 11173962, 20)]
    [InlineData("resnet18-distiller", 100, 32, 11220132, 20)]
    [InlineData("resnet18-imagenet", 1000, 64, 11689512, 20)]
    [InlineData("resnet10", 512, 64, 5160768, 12)]
    [InlineData("resnet34", 100, 32, 21328292, 36)]
    [InlineData("resnet50", 100, 32, 23705252, 53)]
    [InlineData("resnet50-imagenet", 1000, 64, 25557032, 53)]
    [InlineData("resnet101", 100, 32, 42697380, 104)]
    [InlineData("convnet", 512, 32, 5675520, 3)]
    [InlineData("convnet", 100, 32, 2300004, 3)]
    [InlineData("convnet64", 512, 64, 5747712, 4)]
    [InlineData("convnet64", 200, 64, 3191496, 4)]
    [InlineData("convnet128", 100, 32, 504420, 3)]
    [InlineData("convnet128", 10, 32, 320010, 3)]
    [InlineData("wrn_16_2", 100, 32, 703284, 13)]
    [InlineData("wrn_40_1", 100, 32, 569780, 37)]
    [InlineData("wrn_40_2", 100, 32, 2255156, 37)]
    [InlineData("wrn_10_1", 10, 32, 77850, 7)]
    [InlineData("vgg8", 100, 32, 3965028, 5)]
    [InlineData("vgg13", 100, 32, 9462180, 10)]
    [InlineData("vgg11-features", 512, 64, 10275072, 8)]
    [InlineData("alexnet", 512, 64, 8135360, 5)]
    [InlineData("mobile_half", 100, 32, 812836, 53)]
    [InlineData("mobile_half", 200, 64, 940936, 53)]
    [InlineData("mobilenet-cifar", 100, 32, 2412212, 57)]
    [InlineData("mobilenet-cifar", 10, 32, 2296922, 57)]
    [InlineData("mobilenet-2", 512, 64, 1735376, 57)]
    [InlineData("shuffle-g2", 100, 32, 959672, 49)]
    [InlineData("shuffle-g2", 10, 32, 887582, 49)]
    [InlineData("shuffle-g3", 100, 32, 949258, 49)]
    [InlineData("efficientnet", 100, 32, 3628576, 49)]
    [InlineData("efficientnet", 10, 32, 3599686, 49)]
    public void Parameters_and_norms_are_as_many_as_published(
        string member,
        long classes,
        long side,
        long parameters,
        int norms
    )
    {
        using var scope = NewDisposeScope();
        var network = Zoo.Create(member, classes, side);
        Assert.Equal(parameters, network.Parameters());
        Assert.Equal(norms, network.Module.modules().OfType<BatchNorm2d>().Count());
        Assert.Equal(classes, network.Shape.Classes);
    }

    [Theory]
    [InlineData("resnet18-target", 32, 11168832, 512)]
    [InlineData("resnet10", 64, 4898112, 512)]
    [InlineData("convnet", 32, 1480704, 8192)]
    [InlineData("convnet64", 64, 1552896, 8192)]
    [InlineData("vgg11-features", 64, 9225984, 2048)]
    [InlineData("alexnet", 64, 1843392, 12288)]
    public void Without_the_classifier_the_networks_of_distilled_pre_training_have_the_published_sizes(
        string member,
        long side,
        long parameters,
        long embedding
    )
    {
        using var scope = NewDisposeScope();
        var network = Zoo.Create(member, 10, side);
        Assert.Equal(parameters, network.Parameters(without: "fc."));
        Assert.Equal(embedding, network.Shape.Embedding);
    }

    [Fact]
    public void The_narrow_expansion_has_the_published_size_without_its_classifier()
    {
        using var scope = NewDisposeScope();
        var network = Zoo.Create("mobilenet-2", 10, 64);
        Assert.Equal(1079504, network.Parameters(without: "linear."));
        Assert.Equal(1280, network.Shape.Embedding);
    }

    [Theory]
    [InlineData("resnet18", 32, "stem 64x32 layer1 64x32 layer2 128x16 layer3 256x8 layer4 512x4")]
    [InlineData("resnet18-target", 32, "stem 64x34 layer1 64x34 layer2 128x17 layer3 256x9 layer4 512x5")]
    [InlineData("resnet18-target", 64, "stem 64x66 layer1 64x66 layer2 128x33 layer3 256x17 layer4 512x9")]
    [InlineData("resnet18-imagenet", 64, "stem 64x16 layer1 64x16 layer2 128x8 layer3 256x4 layer4 512x2")]
    [InlineData("resnet50", 32, "stem 64x32 layer1 256x32 layer2 512x16 layer3 1024x8 layer4 2048x4")]
    [InlineData("convnet", 32, "layer1.preact 128x32 layer1 128x16 layer2 256x8 layer3 512x4")]
    [InlineData("convnet128", 32, "layer1 128x16 layer2 128x8 layer3.preact 128x8 layer3 128x4")]
    [InlineData("wrn_16_2", 32, "stem 16x32 layer1 32x32 layer2 64x16 layer2.preact 64x16 layer3 128x8")]
    [InlineData("wrn_40_1", 32, "stem 16x32 layer1 16x32 layer1.preact 16x32 layer2 32x16 layer3 64x8")]
    [InlineData("vgg8", 32, "stem 64x32 layer1 128x16 layer2 256x8 layer3 512x4 layer4 512x4")]
    [InlineData("vgg8", 64, "stem 64x64 layer1 128x32 layer2 256x16 layer3 512x8 layer4 512x4")]
    [InlineData("vgg11-features", 64, "stem 64x64 layer1 128x32 layer2 256x16 layer3 512x8 layer4 512x4")]
    [InlineData("alexnet", 64, "layer1 128x32 layer2 192x16 layer3 256x16 layer4 192x16 layer5 192x8")]
    [InlineData("mobile_half", 32, "stem 16x16 layer1 12x16 layer2 16x8 layer3 48x4 layer4 160x2 features 1280x2")]
    [InlineData("mobilenet-cifar", 32, "stem 32x32 layer1 24x32 layer2 32x16 layer3 96x8 layer4 320x4 features 1280x4")]
    [InlineData("mobilenet-2", 64, "stem 32x64 layer1 24x64 layer2 32x32 layer3 96x16 layer4 320x8 features 1280x8")]
    [InlineData("shuffle-g2", 32, "stem 24x32 layer1 200x16 layer2 400x8 layer3 800x4")]
    [InlineData("shuffle-g3", 32, "stem 24x32 layer1 240x16 layer2 480x8 layer3.preact 960x4 layer3 960x4")]
    [InlineData("efficientnet", 32, "stem 32x32 layer1 24x16 layer2 40x8 layer3 112x4 layer4 320x2")]
    public void Maps_have_the_published_sizes(string member, long side, string expected)
    {
        using var scope = NewDisposeScope();
        var shape = Zoo.Create(member, 10, side).Shape;
        var words = expected.Split(' ');
        for (var i = 0; i < words.Length; i += 2)
        {
            var size = words[i + 1].Split('x').Select(long.Parse).ToArray();
            Assert.Equal([size[0], size[1], size[1]], shape.Tap(words[i]).Shape);
        }
    }

    // Parameters as "name shape"; the number of tensors of a checkpoint, counters of norms included.
    [Theory]
    [InlineData(
        "resnet18",
        122,
        "conv1.weight 64x3x3x3;bn1.running_mean 64;layer1.0.conv1.weight 64x64x3x3;layer2.0.downsample.0.weight "
            + "128x64x1x1;layer2.0.downsample.1.num_batches_tracked ;layer4.1.bn2.running_var 512;fc.weight 10x512"
    )]
    [InlineData("resnet18-distiller", 122, "layer2.0.shortcut.0.weight 128x64x1x1;linear.bias 10")]
    [InlineData("resnet50", 320, "layer1.0.conv3.weight 256x64x1x1;layer1.0.downsample.0.weight 256x64x1x1;fc.bias 10")]
    [InlineData("convnet", 23, "layers.0.block.0.bias 128;layers.2.block.1.running_var 512;fc.weight 10x8192")]
    [InlineData(
        "convnet128",
        23,
        "features.0.weight 128x3x3x3;features.5.weight 128;features.8.bias 128;classifier.bias 10"
    )]
    [InlineData("convnet-plain", 6, "features.3.weight 16x8x3x3;classifier.weight 10x1024")]
    [InlineData(
        "wrn_16_2",
        83,
        "conv1.weight 16x3x3x3;block1.layer.0.convShortcut.weight 32x16x1x1;block1.layer.1.bn1.weight 32;"
            + "block3.layer.0.conv1.weight 128x64x3x3;bn1.weight 128;fc.weight 10x128"
    )]
    [InlineData(
        "vgg8",
        37,
        "block0.0.weight 64x3x3x3;block0.1.running_mean 64;block4.0.bias 512;classifier.weight 10x512"
    )]
    [InlineData("vgg13", 72, "block0.3.weight 64x64x3x3;block0.4.weight 64;block4.4.running_var 512")]
    [InlineData(
        "vgg11-features",
        58,
        "features.0.weight 64x3x3x3;features.4.weight 128x64x3x3;features.8.bias 256;features.11.weight 256x256x3x3;"
            + "features.15.bias 512;features.18.bias 512;features.22.bias 512;features.25.bias 512;fc.weight 10x512"
    )]
    [InlineData(
        "alexnet",
        37,
        "features.0.weight 128x3x5x5;features.4.weight 192x128x5x5;features.8.bias 256;features.11.bias 192;"
            + "features.15.running_mean 192;fc.weight 10x3072"
    )]
    [InlineData(
        "mobile_half",
        320,
        "conv1.0.weight 16x3x3x3;conv1.1.bias 16;blocks.0.0.conv.0.weight 16x16x1x1;blocks.1.1.conv.3.weight 72x1x3x3;"
            + "blocks.6.0.conv.7.running_mean 160;conv2.0.weight 1280x160x1x1;classifier.0.weight 10x1280"
    )]
    [InlineData(
        "mobilenet-cifar",
        344,
        "layers.0.shortcut.0.weight 16x32x1x1;layers.1.shortcut.1.bias 24;layers.16.bn3.weight 320;bn2.bias 1280;linear.bias 10"
    )]
    [InlineData(
        "shuffle-g3",
        296,
        "conv1.weight 24x3x1x1;layer1.0.conv1.weight 54x24x1x1;layer1.0.conv3.weight 216x18x1x1;"
            + "layer1.1.conv1.weight 60x80x1x1;layer3.3.bn3.running_var 960;linear.weight 10x960"
    )]
    [InlineData(
        "shuffle-g2",
        296,
        "layer1.0.conv1.weight 44x24x1x1;layer1.0.conv3.weight 176x22x1x1;linear.weight 10x800"
    )]
    [InlineData(
        "efficientnet",
        360,
        "layers.0.conv1.weight 32x32x1x1;layers.0.se.se1.weight 8x32x1x1;layers.1.se.se1.bias 4;layers.15.se.se2.weight "
            + "1152x48x1x1;layers.15.conv2.weight 1152x1x3x3;linear.weight 10x320"
    )]
    public void Names_are_those_of_published_checkpoints(string member, int tensors, string named)
    {
        using var scope = NewDisposeScope();
        var state = Zoo.Create(member).Module.state_dict();
        Assert.Equal(tensors, state.Count);
        foreach (var entry in named.Split(';'))
        {
            var (name, shape) = (entry.Split(' ')[0], entry.Split(' ')[1]);
            Assert.Contains(name, state.Keys);
            Assert.Equal(shape, string.Join('x', state[name].shape));
        }
    }

    // Gates of the blocks: a quarter of the block's input.
    [Fact]
    public void Gates_of_efficientnet_have_the_published_widths()
    {
        using var scope = NewDisposeScope();
        var state = Zoo.Create("efficientnet").Module.state_dict();
        var widths = Enumerable.Range(0, 16).Select(i => state[$"layers.{i}.se.se1.bias"].shape[0]);
        Assert.Equal([8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48], widths);
        Assert.Equal(1088, state["layers.0.conv1.weight"].numel() + 2 * state["layers.0.bn1.weight"].numel());
    }

    // Values of the published network under weights by a formula, in double precision.
    [Fact]
    public void The_convnet_computes_what_the_published_one_computes()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Create("convnet", 512);
        network.Module.to(ScalarType.Float64);
        network.Module.eval();
        string[] order =
        [
            .. from block in Enumerable.Range(0, 3)
            from part in (string[])["0.weight", "0.bias", "1.weight", "1.bias"]
            select $"layers.{block}.block.{part}",
            "fc.weight",
            "fc.bias",
        ];
        var parameters = network.Module.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        Assert.Equal(order, network.Module.named_parameters().Select(p => p.name));
        for (var k = 0; k < order.Length; k++)
        {
            var p = parameters[order[k]];
            var values = 0.08 * (1 + k + 0.01 * arange(p.numel(), dtype: ScalarType.Float64)).sin();
            p.copy_((order[k].EndsWith("1.weight") ? values + 1 : values).reshape(p.shape));
        }
        var x = (0.37 * arange(4 * 3 * 32 * 32, dtype: ScalarType.Float64)).sin().reshape(4, 3, 32, 32);
        var output = network.Forward(x, null, null);
        Assert.Equal(19450.2411427, output.Embedding.sum().item<double>(), 1e-6);
        Assert.Equal(170.1817446, output.Embedding.norm().item<double>(), 1e-6);
        Assert.Equal(-0.4216955, output.Logits[0, 0].item<double>(), 1e-6);
        Assert.Equal(-0.3495450, output.Logits[0, 1].item<double>(), 1e-6);
        Assert.Equal(-0.2531027, output.Logits[0, 2].item<double>(), 1e-6);
    }
}
