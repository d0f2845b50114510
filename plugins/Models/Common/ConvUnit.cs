using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A convolution and the norm behind it, where there is one.</summary>
/// <param name="Conv">The convolution.</param>
/// <param name="Norm">Null for none.</param>
/// <remarks>
/// On a CPU, 1x1 convolutions of channels_last images are computed as matrix products, past the module's own forward (and
/// its hooks). libtorch 2.10 computes some of them wrongly with AVX-512 (off by 14 % at 256 to 512 channels of 8x8 pixels),
/// and ends the process in the backward pass of others.
/// </remarks>
internal sealed record ConvUnit(Conv2d Conv, nn.Module<Tensor, Tensor>? Norm)
{
    private readonly bool _isPointwise = Conv.kernel_size.All(k => k == 1);
    private readonly long _stride = Conv.stride![0];
    private readonly long _groups = Conv.groups;

    /// <summary>A convolution with padding that keeps the size (over the stride) and a batch norm, under two paths.</summary>
    internal static ConvUnit Add(
        ModuleTree tree,
        string conv,
        string norm,
        int inputs,
        int outputs,
        int kernel,
        int stride = 1,
        int groups = 1,
        int? padding = null,
        bool bias = false
    ) =>
        new(
            tree.Add(
                conv,
                nn.Conv2d(inputs, outputs, kernel, stride, padding ?? kernel / 2, groups: groups, bias: bias)
            ),
            tree.Add(norm, nn.BatchNorm2d(outputs))
        );

    /// <summary>Before the activation, signed.</summary>
    internal Tensor Run(Tensor input)
    {
        var convolved = Convolve(input);
        if (Norm is null)
            return convolved;
        using (convolved)
            return Norm.call(convolved);
    }

    private Tensor Convolve(Tensor input)
    {
        if (!_isPointwise || input.device_type != DeviceType.CPU || !input.IsChannelsLast())
            return Conv.call(input);
        using var scope = NewDisposeScope();
        var every = TensorIndex.Slice(step: _stride);
        var rows = (_stride == 1 ? input : input[.., .., every, every]).permute(0, 2, 3, 1);
        var weight = Conv.weight.reshape(Conv.weight.shape[0], -1);
        var products =
            _groups == 1
                ? nn.functional.linear(rows, weight, Conv.bias)
                : cat(
                    [.. rows.chunk(_groups, -1).Zip(weight.chunk(_groups, 0), (r, w) => nn.functional.linear(r, w))],
                    -1
                );
        return products.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>After ReLU.</summary>
    internal Tensor RunRelu(Tensor input) => Run(input).relu_();
}

/// <summary>Steps that several families share.</summary>
internal static class Steps
{
    /// <summary>Blocks in a row; the last one's value before its ReLU becomes the tap <c>name.preact</c>.</summary>
    internal static Stretch Blocks(string name, IReadOnlyList<Func<Tensor, Tensor>> preactivations) =>
        (input, taps) =>
        {
            var x = input;
            for (var i = 0; i < preactivations.Count; i++)
            {
                var before = preactivations[i](x);
                if (!ReferenceEquals(x, input))
                    x.Dispose();
                if (i == preactivations.Count - 1)
                    taps.Add($"{name}.preact", before, signed: true);
                x = taps.Rectify(before);
            }
            return x;
        };

    /// <summary>Blocks in a row without an activation behind them.</summary>
    internal static Stretch Chain(IReadOnlyList<Func<Tensor, Tensor>> blocks) =>
        (input, _) =>
        {
            var x = input;
            foreach (var block in blocks)
            {
                var next = block(x);
                if (!ReferenceEquals(x, input))
                    x.Dispose();
                x = next;
            }
            return x;
        };

    /// <summary>The mean over positions, <c>[batch, channels]</c>.</summary>
    internal static Func<ModuleTree, Stretch> MeanOverPositions { get; } = _ => (x, _) => x.mean([2, 3]);

    /// <summary>Every value of the map, in the order channel, row, column.</summary>
    internal static Func<ModuleTree, Stretch> Flatten { get; } = _ => (x, _) => x.reshape(x.shape[0], -1);
}
