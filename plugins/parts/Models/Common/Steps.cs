using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A block with a ReLU at its end.</summary>
/// <param name="input">Stays as it is, unless it may be overwritten.</param>
/// <param name="relu">False leaves the last ReLU out.</param>
/// <param name="overwrite">Whether the result may take the input's memory.</param>
internal delegate Tensor Block(Tensor input, bool relu, bool overwrite);

/// <summary>Steps that several families share.</summary>
internal static class Steps
{
    /// <summary>Blocks in a row; the last one's value before its ReLU becomes the tap <c>name.preact</c>.</summary>
    internal static Stretch Blocks(string name, IReadOnlyList<Block> blocks) =>
        (input, taps) =>
        {
            var x = input;
            for (var i = 0; i < blocks.Count; i++)
            {
                var (block, before) = (blocks[i], x);
                var isInner = !ReferenceEquals(before, input);
                x =
                    i < blocks.Count - 1
                        ? block(before, true, isInner)
                        : Activated(taps, name, relu => block(before, relu, isInner));
                if (isInner)
                    before.Dispose();
            }
            return x;
        };

    /// <summary>relu?(last(inner(x)) + shortcut(x))</summary>
    /// <param name="inner">All convolutions of the branch but the last one.</param>
    /// <param name="last">The convolution that takes the sum.</param>
    /// <param name="shortcut">Null for the input itself.</param>
    internal static Block Residual(Func<Tensor, Tensor> inner, ConvUnit last, ConvUnit? shortcut) =>
        (x, relu, overwrite) =>
        {
            using var hidden = inner(x);
            if (shortcut is null)
                return last.RunAdd(hidden, x, relu, overwrite);
            using var other = shortcut.Run(x);
            return last.RunAdd(hidden, other, relu, overwrite: true);
        };

    /// <summary>Blocks in a row without an activation behind them.</summary>
    internal static Stretch Chain(IReadOnlyList<Block> blocks) =>
        (input, _) =>
        {
            var x = input;
            foreach (var block in blocks)
            {
                var isInner = !ReferenceEquals(x, input);
                var next = block(x, false, isInner);
                if (isInner)
                    x.Dispose();
                x = next;
            }
            return x;
        };

    /// <summary>A value after its ReLU; the one before it becomes the tap <c>name.preact</c>.</summary>
    /// <param name="taps">Collects the tap.</param>
    /// <param name="name">Of the layer.</param>
    /// <param name="run">Computes the value, with the ReLU or without.</param>
    internal static Tensor Activated(TapCollector taps, string name, Func<bool, Tensor> run)
    {
        var tap = $"{name}.preact";
        return taps.Wants(tap) ? taps.Rectify(taps.Add(tap, run(false), signed: true)) : run(true);
    }

    /// <summary>The mean over positions, <c>[batch, channels]</c>.</summary>
    internal static Func<ModuleTree, Stretch> MeanOverPositions { get; } = _ => (x, _) => Traced.Mean(x, [2, 3]);

    /// <summary>Every value of the map, in the order channel, row, column.</summary>
    internal static Func<ModuleTree, Stretch> Flatten { get; } = _ => (x, _) => Traced.Flatten(x);
}
