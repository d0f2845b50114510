using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>The initialisations of the published code bases, where they are not PyTorch's own.</summary>
internal static class Initialisers
{
    /// <summary>Every convolution normal with variance 2 / (outputs · kernel height · kernel width); biases 0.</summary>
    internal static StagedNet NormalByFanOut(this StagedNet net)
    {
        foreach (var convolution in net.modules().OfType<Conv2d>())
        {
            var shape = convolution.weight.shape;
            nn.init.normal_(convolution.weight, 0, Math.Sqrt(2.0 / (shape[0] * shape[2] * shape[3])));
            if (convolution.bias is not null)
                nn.init.zeros_(convolution.bias);
        }
        return net;
    }

    /// <summary>The classifier normal with deviation 0.01, its bias 0.</summary>
    internal static StagedNet SmallClassifier(this StagedNet net)
    {
        foreach (var linear in net.modules().OfType<Linear>())
        {
            nn.init.normal_(linear.weight, 0, 0.01);
            nn.init.zeros_(linear.bias!);
        }
        return net;
    }

    /// <summary>The classifier's bias 0.</summary>
    internal static StagedNet ZeroClassifierBias(this StagedNet net)
    {
        foreach (var linear in net.modules().OfType<Linear>())
            nn.init.zeros_(linear.bias!);
        return net;
    }
}
