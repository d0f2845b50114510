using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A <see cref="CifarBasicBlock"/> in two fused convolutions, or three with a shortcut.</summary>
internal sealed class FrozenCifarBlock : nn.Module
{
    private readonly FrozenConv2d conv1;
    private readonly FrozenConv2d conv2;
    private readonly FrozenConv2d? downsample;

    internal FrozenCifarBlock(CifarBasicBlock source, ScalarType dtype)
        : base(nameof(FrozenCifarBlock))
    {
        conv1 = FrozenConv2d.From(source.conv1, source.bn1, relu: true, dtype);
        conv2 = FrozenConv2d.From(source.conv2, source.bn2, relu: true, dtype);
        if (source.downsample is { } shortcut)
            downsample = FrozenConv2d.From((Conv2d)shortcut[0], (BatchNorm2d)shortcut[1], relu: false, dtype);
        RegisterComponents();
    }

    /// <summary>The block's output; with overwrite, where shapes allow it, in the input's memory.</summary>
    internal Tensor Forward(Tensor input, bool overwrite, bool activate)
    {
        using var hidden = conv1.call(input);
        if (downsample is null)
            return conv2.ForwardAdd(hidden, input, overwrite, activate);
        using var shortcut = downsample.call(input);
        return conv2.ForwardAdd(hidden, shortcut, overwriteResidual: true, activate);
    }
}
