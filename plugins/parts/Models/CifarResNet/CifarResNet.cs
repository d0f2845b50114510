using System.Collections.Immutable;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// Builds CIFAR ResNets with the parameter names, the order and the initialisation of the RepDistiller and mdistiller code
/// bases, so that their checkpoints fit: <c>conv1 bn1 layer{1..3}.{i}.(conv1 bn1 conv2 bn2 downsample.{0,1}) fc</c>.
/// </summary>
public static class CifarResNet
{
    /// <summary>
    /// The taps, in order of depth: <c>stem</c>, <c>layer1</c>..<c>layer3</c> after ReLU,
    /// <c>layer1.preact</c>..<c>layer3.preact</c> before it, <c>pooled</c>.
    /// </summary>
    public static ImmutableArray<string> TapNames { get; } =
    ["stem", "layer1.preact", "layer1", "layer2.preact", "layer2", "layer3.preact", "layer3", "pooled"];

    /// <summary>The network of that name, such as <c>resnet20</c>, with fresh weights from TorchSharp's global generator.</summary>
    /// <param name="name">One of <see cref="CifarResNetSpec.All"/>.</param>
    /// <param name="classes">Length of the logits, at least 1.</param>
    /// <param name="inputChannels">Channels of the images, at least 1.</param>
    /// <exception cref="ArgumentException">There is no such network.</exception>
    public static StagedNet Create(string name, int classes, int inputChannels = 3) =>
        Build(CifarResNetSpec.Named(name), classes, inputChannels, frozen: null);

    internal static StagedNet Build(CifarResNetSpec spec, int classes, int inputChannels, FrozenLayers? frozen)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(inputChannels, 1);
        var widths = spec.Widths;
        var net = new StagedNet(spec.Name, frozen);
        net.Append(
            "stem",
            tree =>
            {
                var unit = ConvUnit.Add(tree, "conv1", "bn1", inputChannels, widths[0], 3);
                return (x, _) => unit.RunRelu(x);
            }
        );
        for (var stage = 1; stage <= 3; stage++)
        {
            var number = stage;
            net.Append(
                $"layer{stage}",
                tree =>
                    Steps.Blocks(
                        $"layer{number}",
                        [.. Enumerable.Range(0, spec.BlocksPerStage).Select(i => BasicBlock(tree, widths, number, i))]
                    )
            );
        }
        net.End(Steps.MeanOverPositions, "fc", widths[3], classes);
        foreach (var convolution in net.modules().OfType<Conv2d>())
            nn.init.kaiming_normal_(
                convolution.weight,
                mode: nn.init.FanInOut.FanOut,
                nonlinearity: nn.init.NonlinearityType.ReLU
            );
        return net;
    }

    // relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut x)
    private static Block BasicBlock(ModuleTree tree, ImmutableArray<int> widths, int stage, int block)
    {
        var path = $"layer{stage}.{block}";
        var stride = stage > 1 && block == 0 ? 2 : 1;
        var (inputs, outputs) = (widths[block == 0 ? stage - 1 : stage], widths[stage]);
        var first = ConvUnit.Add(tree, $"{path}.conv1", $"{path}.bn1", inputs, outputs, 3, stride);
        var second = ConvUnit.Add(tree, $"{path}.conv2", $"{path}.bn2", outputs, outputs, 3);
        var downsample = $"{path}.downsample";
        var shortcut =
            stride == 1 && inputs == outputs
                ? null
                : ConvUnit.Add(tree, $"{downsample}.0", $"{downsample}.1", inputs, outputs, 1, stride);
        return Steps.Residual(first.RunRelu, second, shortcut);
    }
}
