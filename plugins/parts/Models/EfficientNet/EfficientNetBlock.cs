using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A block of EfficientNet: 1x1 wider, k x k for each channel, a gate for each channel, 1x1 narrow.</summary>
internal sealed class EfficientNetBlock
{
    private readonly ConvUnit? _expand;
    private readonly ConvUnit _each;
    private readonly ConvUnit _squeeze;
    private readonly ConvUnit _excite;
    private readonly ConvUnit _project;
    private readonly bool _skips;
    private readonly double _drop;

    /// <param name="tree">Where the modules go.</param>
    /// <param name="path">The block's name.</param>
    /// <param name="inputs">Channels.</param>
    /// <param name="outputs">Channels.</param>
    /// <param name="expansion">By how much the first convolution widens.</param>
    /// <param name="kernel">3 or 5.</param>
    /// <param name="stride">1 or 2.</param>
    /// <param name="drop">The probability with which training leaves the branch out of a sample.</param>
    internal EfficientNetBlock(
        ModuleTree tree,
        string path,
        int inputs,
        int outputs,
        int expansion,
        int kernel,
        int stride,
        double drop
    )
    {
        var inner = inputs * expansion;
        // Published code has the first convolution and its norm in the block that does not widen too, and never calls
        // them: they are here for the sake of its weights and parameter counts.
        var expand = ConvUnit.Add(tree, $"{path}.conv1", $"{path}.bn1", inputs, inner, 1);
        _expand = expansion == 1 ? null : expand;
        _each = ConvUnit.Add(tree, $"{path}.conv2", $"{path}.bn2", inner, inner, kernel, stride, groups: inner);
        // A quarter of the block's input, not of its inner width.
        _squeeze = ConvUnit.Add(tree, $"{path}.se.se1", null, inner, inputs / 4, 1, bias: true);
        _excite = ConvUnit.Add(tree, $"{path}.se.se2", null, inputs / 4, inner, 1, bias: true);
        _project = ConvUnit.Add(tree, $"{path}.conv3", $"{path}.bn3", inner, outputs, 1);
        _skips = stride == 1 && inputs == outputs;
        _drop = drop;
    }

    internal Tensor Run(Tensor x, bool relu, bool overwrite)
    {
        using var wide = _expand is null ? Traced.Alias(x) : EfficientNetB0.Swish(_expand.Run(x));
        using var filtered = EfficientNetB0.Swish(_each.Run(wide));
        using var gated = Gate(filtered);
        if (!_skips)
            return _project.Run(gated, relu);
        if (_drop == 0 || !_project.IsTraining)
            return _project.RunAdd(gated, x, relu, overwrite);
        var result = _project.Run(gated);
        DropSamples(result);
        return relu ? result.add_(x).relu_() : result.add_(x);
    }

    private Tensor Gate(Tensor x)
    {
        using var mean = Traced.Mean(x, [2, 3], keepDim: true);
        using var squeezed = EfficientNetB0.Swish(_squeeze.Run(mean));
        using var excited = _excite.Run(squeezed);
        using var gate = Traced.Sigmoid(excited);
        return Traced.Multiply(x, gate);
    }

    // Zero for some samples, more for the others, so that the mean stays.
    private void DropSamples(Tensor x)
    {
#pragma warning disable KDA0011 // As dropout does: the engine seeds the default generators in every step.
        using var kept = empty([x.shape[0], 1, 1, 1], x.dtype, x.device).bernoulli_(1 - _drop);
#pragma warning restore KDA0011
        x.mul_(kept.div_(1 - _drop));
    }
}
