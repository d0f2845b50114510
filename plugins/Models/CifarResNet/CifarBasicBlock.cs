using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Two 3x3 convolutions with batch norm around a residual: relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut x).</summary>
/// <remarks>
/// Intermediate results are changed in place and released at once. A hook that wants to keep one must clone it; whole
/// features are had from <see cref="CifarResNet.ForwardFeatures"/>.
/// </remarks>
public sealed class CifarBasicBlock : nn.Module<Tensor, Tensor>
{
    internal readonly Conv2d conv1;
    internal readonly BatchNorm2d bn1;
    internal readonly Conv2d conv2;
    internal readonly BatchNorm2d bn2;
    internal readonly Sequential? downsample;

    internal CifarBasicBlock(int inputs, int outputs, int stride)
        : base(nameof(CifarBasicBlock))
    {
        conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding: 1, bias: false);
        bn1 = nn.BatchNorm2d(outputs);
        conv2 = nn.Conv2d(outputs, outputs, 3, padding: 1, bias: false);
        bn2 = nn.BatchNorm2d(outputs);
        if (stride != 1 || inputs != outputs)
            downsample = nn.Sequential(
                ("0", nn.Conv2d(inputs, outputs, 1, stride, bias: false)),
                ("1", nn.BatchNorm2d(outputs))
            );
        RegisterComponents();
    }

    /// <summary>The block's output, <c>[batch, outputs, height / stride, width / stride]</c>, not negative.</summary>
    public override Tensor forward(Tensor input) => ForwardPreactivation(input).relu_();

    /// <summary>The sum of both branches, before the last ReLU.</summary>
    internal Tensor ForwardPreactivation(Tensor input)
    {
        using var convolved = conv1.call(input);
        using var hidden = bn1.call(convolved).relu_();
        using var second = conv2.call(hidden);
        var sum = bn2.call(second);
        if (downsample is null)
            return sum.add_(input);
        using var shortcut = downsample.call(input);
        return sum.add_(shortcut);
    }
}
