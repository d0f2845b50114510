using KdPlugins.Core;
using KdPlugins.Models;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Models;

/// <summary>Networks that answer with a class per place.</summary>
[Collection(EngineTests.Name)]
public sealed class MapNetworkTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static INetwork Made<T>(object options, long classes = 19, long height = 64, long width = 96)
        where T : IModelPlugin, new()
    {
        using var seed = RandomScope.Use(1);
        var data = Stubs.Data([3, height, width], classes, TargetKind.ClassMap);
        var network = Stubs.Plugin<T>(options).Create(new([3, height, width], classes, data));
        network.Module.eval();
        return network;
    }

    private static long Parameters(INetwork network, string prefix = "") =>
        network
            .Module.named_parameters()
            .Where(p => p.name.StartsWith(prefix, StringComparison.Ordinal))
            .Sum(p => p.parameter.numel());

    private static ModelOutput Answer(INetwork network, Tensor input, params string[] taps)
    {
        using var none = no_grad();
        return network.Forward(input, null!, taps);
    }

    // Of the code bases of semantic segmentation (19 classes, a deep stem); torchvision publishes 42,004,074 for 21 classes.
    [Fact]
    public void Deeplab_has_the_published_numbers_of_parameters()
    {
        var small = Made<DeepLabV3Plugin>(new DeepLabV3Options { Stem = MapStem.Deep });
        Assert.Equal(13_607_974, Parameters(small));
        Assert.Equal(11_324_992, Parameters(small, "backbone."));
        Assert.Equal(2_134_163, Parameters(small, "classifier."));
        Assert.Equal(148_819, Parameters(small, "aux_classifier."));
        Assert.Equal(
            42_004_074,
            Parameters(Made<DeepLabV3Plugin>(new DeepLabV3Options { Backbone = "resnet50" }, classes: 21))
        );
        Assert.Equal(
            3_233_171,
            Parameters(Made<DeepLabV3Plugin>(new DeepLabV3Options { Backbone = "mobilenet-v2", Aux = false }))
        );
    }

    [Fact]
    public void Pspnet_has_the_published_number_of_parameters() =>
        Assert.Equal(12_919_334, Parameters(Made<PspNetPlugin>(new PspNetOptions { Stem = MapStem.Deep })));

    // 9 in out per 3x3 convolution, 2 per norm and channel.
    [Fact]
    public void A_unet_has_the_parameters_of_its_layers()
    {
        static long Pair(long a, long b) => 9 * a * b + 2 * b + 9 * b * b + 2 * b;
        var down = Pair(3, 4) + Pair(4, 8) + Pair(8, 16);
        var up = Pair(8 + 16, 8) + Pair(4 + 8, 4);
        var aux = 9 * 8 * 2 + 2 * 2 + 2 * 5 + 5;
        var classifier = 4 * 5 + 5;
        Assert.Equal(
            down + up + aux + classifier,
            Parameters(Made<UNetPlugin>(new UNetOptions { Widths = [4, 8, 16] }, classes: 5))
        );
    }

    [Fact]
    public void Names_are_torchvisions()
    {
        var network = Made<DeepLabV3Plugin>(new DeepLabV3Options { Backbone = "resnet50", Width = 0.1 });
        var names = network.Module.state_dict().Keys.ToHashSet();
        foreach (
            var name in (string[])
                [
                    "backbone.conv1.weight",
                    "backbone.bn1.running_mean",
                    "backbone.layer1.0.downsample.0.weight",
                    "backbone.layer4.2.conv3.weight",
                    "classifier.0.convs.0.0.weight",
                    "classifier.0.convs.3.1.bias",
                    "classifier.0.convs.4.1.weight",
                    "classifier.0.convs.4.2.weight",
                    "classifier.0.project.0.weight",
                    "classifier.0.project.1.weight",
                    "classifier.1.weight",
                    "classifier.2.weight",
                    "classifier.4.bias",
                    "aux_classifier.0.weight",
                    "aux_classifier.1.weight",
                    "aux_classifier.4.weight",
                ]
        )
            Assert.Contains(name, names);
    }

    [Theory]
    [InlineData("resnet10", 8, 8, 12)]
    [InlineData("resnet50", 16, 4, 6)]
    [InlineData("mobilenet-v2", 8, 8, 12)]
    [InlineData("mobilenet-v2", 16, 4, 6)]
    public void Both_heads_answer_at_the_stride_that_is_asked_for(string backbone, int stride, long height, long width)
    {
        var options = new DeepLabV3Options
        {
            Backbone = backbone,
            OutputStride = stride,
            Width = 0.1,
        };
        var deeplab = Made<DeepLabV3Plugin>(options, classes: 7);
        var psp = Made<PspNetPlugin>(
            new PspNetOptions
            {
                Backbone = backbone,
                OutputStride = stride,
                Width = 0.1,
            },
            classes: 7
        );
        foreach (var network in (INetwork[])[deeplab, psp])
        {
            var answer = Answer(network, rand(2, 3, 64, 96), "aux", "layer4");
            Assert.Equal([2, 7, height, width], answer.Logits.shape);
            Assert.Equal([2, 7, height, width], answer.Feature("aux").shape);
            Assert.Equal([height, width], answer.Feature("layer4").shape[2..]);
            Assert.Equal([7, height, width], network.Shape.Tap("aux").Shape);
            Assert.True(network.Shape.Tap("aux").IsPreActivation);
            // Whole images of another size than crops.
            Assert.Equal([1, 7, 2 * height, width], Answer(network, rand(1, 3, 128, 96)).Logits.shape);
        }
    }

    [Fact]
    public void A_dilated_backbone_reaches_as_far_as_the_one_that_strides()
    {
        var options = new ResNetOptions
        {
            Depth = 10,
            Width = 4,
            Stem = ResNetStem.Imagenet,
        };
        using var seed = RandomScope.Use(1);
        var plain = Stubs.Plugin<ResNetPlugin>(options).Create(new([3, 128, 128], 5, Stubs.Data([3, 128, 128], 5)));
        var map = Made<DeepLabV3Plugin>(
            new DeepLabV3Options { Backbone = "resnet10", Width = 4 / 64.0 },
            classes: 5,
            height: 128,
            width: 128
        );
        plain.Module.eval();
        using (no_grad())
            foreach (
                var (name, value) in plain
                    .Module.state_dict()
                    .Where(e => !e.Key.StartsWith("fc", StringComparison.Ordinal))
            )
                map.Module.state_dict()[$"backbone.{name}"].copy_(value);
        var x = rand(1, 3, 128, 128);
        var (coarse, fine) = (Answer(plain, x, "layer4").Feature("layer4"), Answer(map, x, "layer4").Feature("layer4"));
        Assert.Equal([1, 32, 4, 4], coarse.shape);
        Assert.Equal([1, 32, 16, 16], fine.shape);
        // Every fourth place of the fine map is what the coarse one has there, as the kernels meet the same pixels.
        var every = TensorIndex.Slice(step: 4);
        var off = fine[.., .., every, every].sub(coarse).abs();
        Assert.True(off.max().item<float>() < 1e-4, $"{off.max().item<float>()}");
    }

    [Theory]
    [InlineData("deeplab-v3", "resnet10")]
    [InlineData("deeplab-v3", "mobilenet-v2")]
    [InlineData("pspnet", "resnet10")]
    [InlineData("unet", "")]
    public void The_frozen_form_answers_alike(string id, string backbone)
    {
        INetwork network = id switch
        {
            "deeplab-v3" => Made<DeepLabV3Plugin>(new DeepLabV3Options { Backbone = backbone, Width = 0.1 }),
            "pspnet" => Made<PspNetPlugin>(new PspNetOptions { Backbone = backbone, Width = 0.1 }),
            _ => Made<UNetPlugin>(new UNetOptions { Widths = [4, 8, 16] }),
        };
        var x = rand(2, 3, 64, 96);
        string[] taps = [.. network.Shape.Taps.Select(t => t.Name)];
        var plain = Answer(network, x, taps);
        var frozen = Answer(((IFreezableNetwork)network).Freeze(ScalarType.Float32), x, taps);
        Assert.True(frozen.Logits.sub(plain.Logits).abs().max().item<float>() < 1e-3);
        foreach (var tap in taps)
            Assert.True(frozen.Feature(tap).sub(plain.Feature(tap)).abs().max().item<float>() < 1e-2, tap);
        var half = Answer(((IFreezableNetwork)network).Freeze(ScalarType.BFloat16), x, "aux");
        Assert.Equal(ScalarType.Float32, half.Logits.dtype);
        Assert.Equal(ScalarType.Float32, half.Feature("aux").dtype);
    }

    [Fact]
    public void A_single_sample_cannot_train_pooled_norms()
    {
        var network = Made<DeepLabV3Plugin>(new DeepLabV3Options { Backbone = "resnet10", Width = 0.1 });
        network.Module.train();
        var failure = Assert.Throws<KdException>(() => network.Forward(rand(1, 3, 64, 64), null!, []));
        Assert.Equal("KDP0303", failure.Code.Id);
        Assert.Contains("single sample", failure.Message);
    }

    [Fact]
    public void The_auxiliary_head_learns_only_where_it_is_asked()
    {
        var network = Made<UNetPlugin>(new UNetOptions { Widths = [4, 8] });
        var aux = network.Module.get_parameter("aux_classifier.4.weight")!;
        network.Forward(rand(2, 3, 16, 16), null!, []).Logits.sum().backward();
        Assert.Null(aux.grad);
        network.Forward(rand(2, 3, 16, 16), null!, ["aux"]).Feature("aux").square().sum().backward();
        Assert.NotNull(aux.grad);
        var without = Made<UNetPlugin>(new UNetOptions { Widths = [4, 8], Aux = false });
        Assert.Equal("KDP0302", Assert.Throws<KdException>(() => Answer(without, rand(1, 3, 16, 16), "aux")).Code.Id);
    }

    [Theory]
    [InlineData(3, 16, 64)]
    [InlineData(0, 64, 64)]
    public void Inputs_that_do_not_fit_are_refused(long channels, long height, long width)
    {
        var plugin = Stubs.Plugin<DeepLabV3Plugin>(new DeepLabV3Options());
        var data = Stubs.Data([3, 64, 64], 5, TargetKind.ClassMap);
        var failure = Assert.Throws<KdException>(() => plugin.Create(new([channels, height, width], 5, data)));
        Assert.Equal("KDP0303", failure.Code.Id);
        Assert.Throws<KdException>(() => plugin.Create(new([3, 64, 64], 0, data)));
        Assert.Throws<KdException>(() => plugin.Create(new([64], 5, data)));
        Assert.Throws<KdException>(() => Stubs.Plugin<DeepLabV3Plugin>(new DeepLabV3Options { Rates = [1, 2, 65] }));
        Assert.Throws<KdException>(() => Stubs.Plugin<UNetPlugin>(new UNetOptions { Widths = [1, 8] }));
    }
}
