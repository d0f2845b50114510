using KdPlugins.Torch.Judging;

namespace KdPlugins.Torch.Tests.Judging;

/// <summary>A layer's output by its definition, number by number.</summary>
internal static class PlainLoops
{
    internal static double[] Of(Operands o, LayerShape s)
    {
        double[] Numbers(TorchSharp.torch.Tensor t) => [.. t.contiguous().data<double>()];
        var (x, w) = (Numbers(o.Input), Numbers(o.Weight));
        var b = o.Bias is null ? null : Numbers(o.Bias);
        var shape = ProductLayer.OutputOf(s);
        var y = new double[shape.Aggregate(1L, (a, n) => a * n)];
        if (s.Kind == LayerKind.Linear)
        {
            foreach (var at in Places(shape))
                y[Flat(at, shape)] =
                    b![at[1]]
                    + Enumerable
                        .Range(0, (int)s.Input[1])
                        .Sum(i => x[at[0] * s.Input[1] + i] * w[at[1] * s.Input[1] + i]);
            return y;
        }

        foreach (var at in Places(shape))
            y[Flat(at, shape)] = b![at[1]];
        long[] weights = [.. s.Weight],
            input = [.. s.Input];
        foreach (var k in Places(weights))
        {
            var transposed = s.Kind == LayerKind.Transposed;
            // Of a convolution [out, in/groups, ...], of a transposed one [in, out/groups, ...].
            var group = k[0] / (weights[0] / s.Groups);
            var inner = group * weights[1] + k[1];
            var (channelIn, channelOut) = transposed ? (k[0], inner) : (inner, k[0]);
            // The longer walk is over the side that stride multiplies.
            foreach (var p in Places([input[0], 1, .. transposed ? input[2..] : shape[2..]]))
            {
                var far = p.Skip(2)
                    .Select((n, d) => n * s.Stride[d] + k[d + 2] * s.Dilation[d] - s.Padding[d])
                    .ToArray();
                var (to, from) = transposed
                    ? ((long[])[p[0], channelOut, .. far], (long[])[p[0], channelIn, .. p[2..]])
                    : ([p[0], channelOut, .. p[2..]], [p[0], channelIn, .. far]);
                if (IsIn(to, shape) && IsIn(from, input))
                    y[Flat(to, shape)] += x[Flat(from, input)] * w[Flat(k, weights)];
            }
        }
        return y;
    }

    private static bool IsIn(long[] at, long[] shape) => at.Zip(shape).All(p => p.First >= 0 && p.First < p.Second);

    private static long Flat(long[] at, long[] shape) =>
        at.Zip(shape).Aggregate(0L, (sum, p) => sum * p.Second + p.First);

    private static IEnumerable<long[]> Places(long[] shape)
    {
        var count = shape.Aggregate(1L, (a, n) => a * n);
        for (var i = 0L; i < count; i++)
        {
            var (at, rest) = (new long[shape.Length], i);
            for (var d = shape.Length - 1; d >= 0; d--)
                (at[d], rest) = (rest % shape[d], rest / shape[d]);
            yield return at;
        }
    }
}
