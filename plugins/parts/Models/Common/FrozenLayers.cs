using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// The layers of a network as its frozen form has them, with copies of the present weights. Building a network with them
/// draws nothing: initialisers look for convolutions and linear layers, and these are none.
/// </summary>
/// <param name="source">The network whose layers they are.</param>
/// <param name="dtype">What they compute in; the classifier, where it is bfloat16, in float32.</param>
internal sealed class FrozenLayers(nn.Module source, ScalarType dtype)
{
    private readonly ScalarType _head = dtype == ScalarType.BFloat16 ? ScalarType.Float32 : dtype;

    internal FrozenConv2d Convolution(string conv, nn.Module<Tensor, Tensor>? norm) =>
        FrozenConv2d.From((Conv2d)ModuleTree.Find(source, conv), norm as BatchNorm2d, relu: true, dtype);

    internal nn.Module<Tensor, Tensor>? Original(string? path) =>
        path is null ? null : (nn.Module<Tensor, Tensor>)ModuleTree.Find(source, path);

    internal FrozenLinear Classifier(string path) => FrozenLinear.From((Linear)ModuleTree.Find(source, path), _head);

    /// <summary>The embedding in the classifier's dtype, so that the softmax sees no rounding; the given one is given up.</summary>
    internal Tensor Widen(Tensor embedding)
    {
        if (embedding.dtype == _head)
            return embedding;
        using (embedding)
            return embedding.to(_head);
    }

    /// <summary>A copy in evaluation mode of a norm that no convolution can take in.</summary>
    internal nn.Module<Tensor, Tensor> Norm(nn.Module<Tensor, Tensor> norm)
    {
        // These two fill their weights without drawing. Norms compute with float32 weights whatever the map's dtype.
        nn.Module<Tensor, Tensor> copy = norm switch
        {
            BatchNorm2d b => nn.BatchNorm2d(
                b.num_features,
                b.eps,
                affine: b.affine,
                track_running_stats: b.track_running_stats
            ),
            GroupNorm { affine: true } g => nn.GroupNorm(g.num_groups, g.weight.shape[0], g.eps),
            _ => throw new NotSupportedException($"A {norm.GetName()} cannot be frozen."),
        };
        copy.to(_head);
        using var noGrad = no_grad();
        foreach (var (name, value) in norm.state_dict())
            copy.state_dict()[name].copy_(value);
        foreach (var parameter in copy.parameters())
            parameter.requires_grad = false;
        copy.eval();
        return copy;
    }
}
