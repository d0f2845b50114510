using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A convolution and the norm behind it, where there is one.</summary>
/// <param name="Conv">The convolution.</param>
/// <param name="Norm">Null for none.</param>
/// <param name="Every">Of the input's rows and columns only every so manieth goes in.</param>
internal sealed record ConvUnit(Conv2d Conv, nn.Module<Tensor, Tensor>? Norm, int Every = 1)
{
    // libtorch 2.10 on CPUs with AVX-512 ends the process in the backward pass of a channels_last 1x1 convolution with a
    // stride and fewer input channels than this.
    private const int ChannelsForStride = 16;

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
    )
    {
        var every = kernel == 1 && inputs < ChannelsForStride ? stride : 1;
        return new(
            tree.Add(
                conv,
                nn.Conv2d(inputs, outputs, kernel, stride / every, padding ?? kernel / 2, groups: groups, bias: bias)
            ),
            tree.Add(norm, nn.BatchNorm2d(outputs)),
            every
        );
    }

    /// <summary>Before the activation, signed.</summary>
    internal Tensor Run(Tensor input)
    {
        using var seen =
            Every == 1 ? input.alias() : input[.., .., TensorIndex.Slice(step: Every), TensorIndex.Slice(step: Every)];
        var convolved = Conv.call(seen);
        if (Norm is null)
            return convolved;
        using (convolved)
            return Norm.call(convolved);
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
