using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>The options of <c>alexnet</c>: there are none.</summary>
public sealed record AlexNetOptions;

/// <summary>The small AlexNet with batch norm of data-set distillation.</summary>
[KdModel(
    "alexnet",
    Description = "Five convolutions with batch norm and three max-pools, the AlexNet of data-set distillation",
    Paper = "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012"
)]
public sealed class AlexNetPlugin : ImageModelPlugin<AlexNetOptions>
{
    private static readonly (int Channels, int Kernel, bool Pools)[] Layers =
    [
        (128, 5, true),
        (192, 5, true),
        (256, 3, false),
        (192, 3, false),
        (192, 3, true),
    ];

    private protected override long SmallestSide => 8;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen)
    {
        var net = new StagedNet("alexnet", frozen);
        var inputs = image.Channels;
        var operation = 0;
        for (var i = 0; i < Layers.Length; i++)
        {
            var (name, from, path) = ($"layer{i + 1}", inputs, operation);
            var (outputs, kernel, pools) = Layers[i];
            net.Append(
                name,
                tree =>
                {
                    var (conv, norm) = ($"features.{path}", $"features.{path + 1}");
                    var unit = ConvUnit.Add(tree, conv, norm, from, outputs, kernel, bias: true);
                    return (x, taps) => Layer(unit, name, pools, x, taps);
                }
            );
            inputs = outputs;
            operation += pools ? 4 : 3;
        }
        net.End(Steps.Flatten, "fc", inputs * (image.Height / 8) * (image.Width / 8), image.Classes);
        return net;
    }

    private static Tensor Layer(ConvUnit unit, string name, bool pools, Tensor x, TapCollector taps)
    {
        var after = Steps.Activated(taps, name, relu => unit.Run(x, relu));
        if (!pools)
            return after;
        var pooled = Traced.MaxPool2d(after, 2, 2);
        taps.Release(after);
        return pooled;
    }
}
