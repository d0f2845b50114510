using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Layers as matrix products, with autograd. In double precision oneDNN, whose kernels are doubted, has no part in it; in float32 they
/// stand in for a kernel that is wrong.
/// </summary>
internal static class ProductLayer
{
    /// <summary>As the layer itself gives it, computed in float32 at least: bfloat16 has kernels of its own.</summary>
    internal static Tensor InPlaceOf(Operands o, LayerShape s)
    {
        using var wide = Autocast.IsEnabled(o.Input.device) ? Autocast.Disabled() : null;
        var y = Of(o.To(ScalarType.Float32), s).to(s.Type);
        return s.ChannelsLast && y.dim() == 4 ? y.ToChannelsLast() : y;
    }

    internal static long[] OutputOf(LayerShape s)
    {
        if (s.Kind == LayerKind.Linear)
            return [s.Input[0], s.Weight[0]];
        var channels = s.Kind == LayerKind.Transposed ? s.Weight[1] * s.Groups : s.Weight[0];
        return [s.Input[0], channels, .. Enumerable.Range(0, s.Stride.Count).Select(d => Side(s, d))];
    }

    internal static Tensor Of(Operands o, LayerShape s)
    {
        if (s.Kind == LayerKind.Linear)
        {
            var product = o.Input.mm(o.Weight.t());
            return o.Bias is { } row ? product + row : product;
        }
        var y = s.Kind == LayerKind.Transposed ? Spread(o, s) : Gather(o, s);
        if (o.Bias is { } bias)
            y = y + bias.reshape([1, -1, .. s.Stride.Select(_ => 1L)]);
        if (o.Residual is { } residual)
            y = y + residual;
        return s.HasRelu ? y.relu() : y;
    }

    private static long Side(LayerShape s, int d)
    {
        var reach = s.Dilation[d] * (s.Weight[d + 2] - 1) + 1;
        return s.Kind == LayerKind.Transposed
            ? (s.Input[d + 2] - 1) * s.Stride[d] - 2 * s.Padding[d] + reach + s.OutputPadding[d]
            : (s.Input[d + 2] + 2 * s.Padding[d] - reach) / s.Stride[d] + 1;
    }

    // y[p] = sum over the kernel's pixels k of W[k] x[stride p + dilation k - padding], as one product with all windows.
    private static Tensor Gather(Operands o, LayerShape s)
    {
        var (dimensions, inputs) = (s.Stride.Count, s.Weight[1]);
        var windows = nn.functional.pad(o.Input, [.. s.Padding.Reverse().SelectMany(p => new[] { p, p })]);
        for (var d = 0; d < dimensions; d++)
        {
            windows = windows.unfold(d + 2, s.Dilation[d] * (s.Weight[d + 2] - 1) + 1, s.Stride[d]);
            windows = windows[TensorIndex.Ellipsis, TensorIndex.Slice(step: s.Dilation[d])];
        }
        var output = OutputOf(s);
        long[] pixels = [.. output.AsSpan(2)],
            kernel = [.. s.Weight.Skip(2)];
        long[] order = [0, 1, 2, .. Axes(3 + dimensions, dimensions), .. Axes(3, dimensions)];
        var rows = windows
            .reshape([s.Input[0], s.Groups, inputs, .. pixels, .. kernel])
            .permute(order)
            .reshape(s.Input[0], s.Groups, -1, pixels.Aggregate(1L, (a, b) => a * b));
        var w = o.Weight.reshape(1, s.Groups, s.Weight[0] / s.Groups, -1);
        return w.matmul(rows).reshape(output);
    }

    private static IEnumerable<long> Axes(int first, int count) => Enumerable.Range(first, count).Select(a => (long)a);

    // The other way round: x[p] W[k] goes to y[stride p + dilation k - padding].
    private static Tensor Spread(Operands o, LayerShape s)
    {
        var output = OutputOf(s);
        var whole = output.Select((n, d) => d < 2 ? n : n + 2 * s.Padding[d - 2]).ToArray();
        var y = zeros(whole, o.Input.dtype);
        var w = o.Weight.reshape(s.Groups, s.Weight[0] / s.Groups, s.Weight[1], -1);
        var rows = o.Input.reshape(s.Input[0], s.Groups, s.Weight[0] / s.Groups, -1);
        long[] sides = [.. s.Input.Skip(2)];
        foreach (var (k, from) in Pixels(s))
        {
            var product = w.select(3, k).transpose(1, 2).unsqueeze(0).matmul(rows);
            y[Places(s, from, sides)].add_(product.reshape([s.Input[0], output[1], .. sides]));
        }
        return y[[.. output.Select((n, d) => d < 2 ? TensorIndex.Colon : Cut(s.Padding[d - 2], n, 1))]];
    }

    // The kernel's pixels in the order of the weight, with where each begins in the padded image.
    private static IEnumerable<(long Number, long[] From)> Pixels(LayerShape s)
    {
        var kernel = s.Weight.Skip(2).ToArray();
        var count = kernel.Aggregate(1L, (a, b) => a * b);
        for (var k = 0L; k < count; k++)
        {
            var (from, rest) = (new long[kernel.Length], k);
            for (var d = kernel.Length - 1; d >= 0; d--)
            {
                from[d] = s.Dilation[d] * (rest % kernel[d]);
                rest /= kernel[d];
            }
            yield return (k, from);
        }
    }

    private static TensorIndex[] Places(LayerShape s, long[] from, ReadOnlySpan<long> counts)
    {
        var places = new TensorIndex[from.Length + 2];
        (places[0], places[1]) = (TensorIndex.Colon, TensorIndex.Colon);
        for (var d = 0; d < from.Length; d++)
            places[d + 2] = Cut(from[d], counts[d], s.Stride[d]);
        return places;
    }

    private static TensorIndex Cut(long from, long count, long step) =>
        TensorIndex.Slice(from, from + (count - 1) * step + 1, step);
}
