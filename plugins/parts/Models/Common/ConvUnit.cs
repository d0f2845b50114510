using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A convolution and what may follow it at once: a norm, the sum with a residual, a ReLU.</summary>
internal abstract class ConvUnit
{
    /// <summary>Whether dropout and the like are on.</summary>
    internal abstract bool IsTraining { get; }

    /// <summary>relu?(norm(conv(x)))</summary>
    internal abstract Tensor Run(Tensor input, bool relu = false);

    /// <summary>relu?(norm(conv(x)) + residual)</summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="residual">Of the result's shape.</param>
    /// <param name="relu">Whether a ReLU comes last.</param>
    /// <param name="overwrite">Whether the result may take the residual's memory.</param>
    internal abstract Tensor RunAdd(Tensor input, Tensor residual, bool relu = false, bool overwrite = false);

    /// <summary>After ReLU.</summary>
    internal Tensor RunRelu(Tensor input) => Run(input, relu: true);

    /// <summary>A convolution with padding that keeps the size (over the stride) and a norm, under two paths.</summary>
    /// <param name="tree">Where they go.</param>
    /// <param name="conv">The convolution's path.</param>
    /// <param name="norm">The norm's path; null for none.</param>
    /// <param name="inputs">Channels.</param>
    /// <param name="outputs">Channels.</param>
    /// <param name="kernel">Pixels per side.</param>
    /// <param name="stride">Pixels.</param>
    /// <param name="groups">Channel groups.</param>
    /// <param name="padding">Zeros on each side; null for half the kernel, times the dilation.</param>
    /// <param name="bias">Whether the convolution has one.</param>
    /// <param name="makeNorm">Makes the norm; null for a batch norm.</param>
    /// <param name="dilation">Pixels from one value of the kernel to the next.</param>
    internal static ConvUnit Add(
        ModuleTree tree,
        string conv,
        string? norm,
        int inputs,
        int outputs,
        int kernel,
        int stride = 1,
        int groups = 1,
        int? padding = null,
        bool bias = false,
        Func<int, nn.Module<Tensor, Tensor>>? makeNorm = null,
        int dilation = 1
    ) =>
        tree.Unit(
            conv,
            () =>
                nn.Conv2d(
                    inputs,
                    outputs,
                    kernel,
                    stride,
                    padding ?? kernel / 2 * dilation,
                    dilation,
                    groups: groups,
                    bias: bias
                ),
            norm,
            () => makeNorm is null ? nn.BatchNorm2d(outputs) : makeNorm(outputs)
        );
}

/// <summary>A unit that can be trained.</summary>
/// <param name="conv">The convolution.</param>
/// <param name="norm">Null for none.</param>
/// <remarks>
/// On a CPU, 1x1 convolutions of channels_last images are computed as matrix products, past the module's own forward (and
/// its hooks, which <see cref="LayerTrace.Linear"/> makes up for). libtorch 2.10 computes some of them wrongly with AVX-512 (off by 14 % at 256 to 512 channels of 8x8 pixels),
/// and ends the process in the backward pass of others.
/// </remarks>
internal sealed class TrainableUnit(Conv2d conv, nn.Module<Tensor, Tensor>? norm) : ConvUnit
{
    private readonly bool _isPointwise = conv.kernel_size.All(k => k == 1);
    private readonly long _stride = conv.stride![0];
    private readonly long _groups = conv.groups;

    internal override bool IsTraining => conv.training;

    internal override Tensor Run(Tensor input, bool relu = false)
    {
        var result = Normed(input);
        return relu ? result.relu_() : result;
    }

    internal override Tensor RunAdd(Tensor input, Tensor residual, bool relu = false, bool overwrite = false)
    {
        var sum = Normed(input).add_(residual);
        return relu ? sum.relu_() : sum;
    }

    private Tensor Normed(Tensor input)
    {
        var convolved = Convolve(input);
        if (norm is null)
            return convolved;
        using (convolved)
            return norm.call(convolved);
    }

    private Tensor Convolve(Tensor input)
    {
        if (!_isPointwise || input.device_type != DeviceType.CPU || !input.IsChannelsLast())
            return conv.call(input);
        using var scope = NewDisposeScope();
        var every = TensorIndex.Slice(step: _stride);
        var rows = (_stride == 1 ? input : input[.., .., every, every]).permute(0, 2, 3, 1);
        var weight = conv.weight.reshape(conv.weight.shape[0], -1);
        var products =
            _groups == 1
                ? LayerTrace.Linear(conv, rows, weight, conv.bias)
                : cat(
                    [
                        .. rows.chunk(_groups, -1)
                            .Zip(weight.chunk(_groups, 0), (r, w) => LayerTrace.Linear(conv, r, w, null)),
                    ],
                    -1
                );
        return products.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }
}

/// <summary>A unit for inference with weights that no longer change, in one kernel where there is one.</summary>
/// <param name="conv">With the norm folded into it, where that can be.</param>
/// <param name="norm">A norm that cannot be; null for none.</param>
internal sealed class FrozenUnit(FrozenConv2d conv, nn.Module<Tensor, Tensor>? norm) : ConvUnit
{
    internal override bool IsTraining => false;

    internal override Tensor Run(Tensor input, bool relu = false)
    {
        if (norm is null)
            return conv.Forward(input, relu);
        using var convolved = conv.Forward(input, activate: false);
        var result = norm.call(convolved);
        return relu ? Traced.Relu(result, inPlace: true) : result;
    }

    internal override Tensor RunAdd(Tensor input, Tensor residual, bool relu = false, bool overwrite = false)
    {
        if (norm is null)
            return conv.ForwardAdd(input, residual, overwrite, relu);
        var sum = Traced.Add(Run(input), residual, inPlace: true);
        return relu ? Traced.Relu(sum, inPlace: true) : sum;
    }
}
