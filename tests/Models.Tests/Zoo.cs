using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

/// <summary>Members of the families by short names, as the host makes them.</summary>
internal static class Zoo
{
    private static readonly Dictionary<string, (Func<IModelPlugin> Plugin, object Options)> Members = new()
    {
        ["resnet8"] = (() => new CifarResNetPlugin(), new CifarResNetOptions { Depth = 8 }),
        ["resnet14x4"] = (() => new CifarResNetPlugin(), new CifarResNetOptions { Depth = 14, Wide = true }),
        ["resnet10"] = (() => new ResNetPlugin(), new ResNetOptions { Depth = 10, StemPadding = 2 }),
        ["resnet18"] = (() => new ResNetPlugin(), new ResNetOptions()),
        ["resnet18-target"] = (() => new ResNetPlugin(), new ResNetOptions { StemPadding = 2 }),
        ["resnet18-zero"] = (() => new ResNetPlugin(), new ResNetOptions { ZeroInitResidual = true }),
        ["resnet18-narrow"] = (() => new ResNetPlugin(), new ResNetOptions { Width = 8 }),
        ["resnet18-imagenet"] = (() => new ResNetPlugin(), new ResNetOptions { Stem = ResNetStem.Imagenet }),
        ["resnet18-imagenet-narrow"] = (
            () => new ResNetPlugin(),
            new ResNetOptions { Stem = ResNetStem.Imagenet, Width = 8 }
        ),
        ["resnet18-distiller"] = (() => new ResNetPlugin(), new ResNetOptions { Naming = ResNetNaming.Distiller }),
        ["resnet34"] = (() => new ResNetPlugin(), new ResNetOptions { Depth = 34 }),
        ["resnet50"] = (() => new ResNetPlugin(), new ResNetOptions { Depth = 50 }),
        ["resnet50-narrow"] = (() => new ResNetPlugin(), new ResNetOptions { Depth = 50, Width = 4 }),
        ["resnet50-imagenet"] = (
            () => new ResNetPlugin(),
            new ResNetOptions { Depth = 50, Stem = ResNetStem.Imagenet }
        ),
        ["resnet101"] = (() => new ResNetPlugin(), new ResNetOptions { Depth = 101 }),
        ["convnet"] = (() => new ConvNetPlugin(), new ConvNetOptions()),
        ["convnet64"] = (() => new ConvNetPlugin(), new ConvNetOptions { Widths = [64, 128, 256, 512] }),
        ["convnet128"] = (
            () => new ConvNetPlugin(),
            new ConvNetOptions { Widths = [128, 128, 128], Naming = ConvNetNaming.Features }
        ),
        ["convnet-instance"] = (
            () => new ConvNetPlugin(),
            new ConvNetOptions
            {
                Widths = [8, 16],
                Norm = BlockNorm.Instance,
                Pooling = BlockPooling.Max,
            }
        ),
        ["convnet-max"] = (
            () => new ConvNetPlugin(),
            new ConvNetOptions { Widths = [16, 32, 48], Pooling = BlockPooling.Max }
        ),
        ["convnet-plain"] = (
            () => new ConvNetPlugin(),
            new ConvNetOptions
            {
                Widths = [8, 16],
                Norm = BlockNorm.None,
                Naming = ConvNetNaming.Features,
            }
        ),
        ["wrn_10_1"] = (() => new WideResNetPlugin(), new WideResNetOptions { Depth = 10, Width = 1 }),
        ["wrn_16_2"] = (() => new WideResNetPlugin(), new WideResNetOptions()),
        ["wrn_16_1-dropout"] = (() => new WideResNetPlugin(), new WideResNetOptions { Width = 1, Dropout = 0.3 }),
        ["wrn_40_1"] = (() => new WideResNetPlugin(), new WideResNetOptions { Depth = 40, Width = 1 }),
        ["wrn_40_2"] = (() => new WideResNetPlugin(), new WideResNetOptions { Depth = 40 }),
        ["vgg8"] = (() => new VggPlugin(), new VggOptions()),
        ["vgg8-plain"] = (() => new VggPlugin(), new VggOptions { BatchNorm = false }),
        ["vgg13"] = (() => new VggPlugin(), new VggOptions { Depth = 13 }),
        ["vgg11-features"] = (() => new VggPlugin(), new VggOptions { Depth = 11, Form = VggForm.Features }),
        ["alexnet"] = (() => new AlexNetPlugin(), new AlexNetOptions()),
        ["mobile_half"] = (() => new MobileNetV2Plugin(), new MobileNetV2Options()),
        ["mobilenet-cifar"] = (() => new MobileNetV2Plugin(), new MobileNetV2Options { Form = MobileNetV2Form.Cifar }),
        ["mobilenet-2"] = (
            () => new MobileNetV2Plugin(),
            new MobileNetV2Options { Form = MobileNetV2Form.Cifar, Expansion = 2 }
        ),
        ["shuffle-g2"] = (() => new ShuffleNetV1Plugin(), new ShuffleNetV1Options { Groups = 2 }),
        ["shuffle-g3"] = (() => new ShuffleNetV1Plugin(), new ShuffleNetV1Options()),
        ["efficientnet"] = (() => new EfficientNetB0Plugin(), new EfficientNetB0Options()),
        ["efficientnet-drop"] = (() => new EfficientNetB0Plugin(), new EfficientNetB0Options { DropConnect = 0.3 }),
    };

    internal static StagedNetwork Create(string member, long classes = 10, long side = 32, long channels = 3)
    {
        var (make, options) = Members[member];
        Validator.ValidateObject(options, new ValidationContext(options), true);
        return Create(make(), options, [channels, side, side], classes);
    }

    internal static StagedNetwork Create(IModelPlugin plugin, object options, long[] input, long classes)
    {
        plugin.Configure(options);
        var data = new DataInfo(InputKind.Image, input, TargetKind.ClassIndex, classes, [], [], [], []);
        return (StagedNetwork)plugin.Create(new ModelRequest(input, classes, data));
    }

    internal static long Parameters(this INetwork network, string without = "\0") =>
        network.Module.named_parameters().Where(p => !p.name.StartsWith(without)).Sum(p => p.parameter.numel());

    /// <summary>Statistics and scales that no layer can take for the identity.</summary>
    internal static StagedNetwork Disturbed(string member, int seed, long side = 32)
    {
        random.manual_seed(seed);
        var network = Create(member, 7, side);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var norm in network.Module.modules().OfType<TorchSharp.Modules.BatchNorm2d>())
        {
            norm.weight.add_(randn_like(norm.weight) * 0.1);
            norm.bias!.add_(randn_like(norm.bias) * 0.1);
            norm.running_mean!.add_(randn_like(norm.running_mean) * 0.1);
            norm.running_var!.mul_(rand_like(norm.running_var) + 0.5);
        }
        network.Module.eval();
        return network;
    }
}
