using KdPlugins.Core;
using KdPlugins.Torch;
using KdPlugins.Torch.Onnx;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Steps of networks that answer with maps.</summary>
internal static class MapSteps
{
    /// <summary>Brings maps to another size, between pixels (bilinear).</summary>
    /// <param name="x">[batch, channels, h, w].</param>
    /// <param name="height">Rows of the result.</param>
    /// <param name="width">Columns of the result.</param>
    /// <param name="alignCorners">Whether corner pixels fall on corner pixels.</param>
    internal static Tensor Enlarge(Tensor x, long height, long width, bool alignCorners)
    {
        var (h, w) = (x.shape[2], x.shape[3]);
        if ((h, w) == (height, width))
            return Traced.Alias(x);
        return Traced.As(
            nn.functional.interpolate(
                x,
                size: [height, width],
                mode: InterpolationMode.Bilinear,
                align_corners: alignCorners
            ),
            [x],
            (graph, v) => Products(graph, v[0], Between(h, height, alignCorners), Between(w, width, alignCorners))
        );
    }

    /// <summary>The means of bins x bins parts that cover the map.</summary>
    internal static Tensor PoolTo(Tensor x, long bins)
    {
        var (h, w) = (x.shape[2], x.shape[3]);
        return Traced.As(
            nn.functional.adaptive_avg_pool2d(x, [bins, bins]),
            [x],
            (graph, v) => Products(graph, v[0], Means(h, bins), Means(w, bins))
        );
    }

    /// <summary>max(min(x, 6), 0) of what is at least 0.</summary>
    internal static Tensor AtMostSix(Tensor x) =>
        Traced.As(x.clamp_max(6), [x], (graph, v) => graph.Node("Min", [v[0], graph.Floats([6], [])]));

    /// <summary>A 3x3 convolution, a norm, dropout, and a 1x1 convolution to the classes, which is number 4 (torchvision's FCN head).</summary>
    /// <param name="tree">Where the modules go.</param>
    /// <param name="path">What their names begin with.</param>
    /// <param name="first">The number of the first module there.</param>
    /// <param name="inputs">Channels of the map.</param>
    /// <param name="inner">Channels between the convolutions.</param>
    /// <param name="classes">Channels of the logits.</param>
    /// <param name="dropout">The share that training drops.</param>
    internal static Stretch Fcn(
        ModuleTree tree,
        string path,
        int first,
        int inputs,
        int inner,
        int classes,
        double dropout
    )
    {
        var unit = ConvUnit.Add(tree, $"{path}.{first}", $"{path}.{first + 1}", inputs, inner, 3);
        var last = ConvUnit.Add(tree, $"{path}.4", null, inner, classes, 1, bias: true);
        return (x, _) =>
        {
            using var hidden = unit.RunRelu(x);
            using var thinned = Traced.Dropout(hidden, dropout, unit.IsTraining);
            return last.Run(thinned);
        };
    }

    /// <summary>Refuses a training batch of one sample where a norm sees one position of each.</summary>
    internal static void RequireSeveral(ConvUnit unit, Tensor x)
    {
        if (unit.IsTraining && x.shape[0] == 1)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                "The network normalises one pooled value per sample and channel, and a training batch has a single sample.",
                "Train with batches of two samples at least; mind the last batch of an epoch."
            );
    }

    // rows [H, h] times x times columns [W, w] transposed.
    private static GraphValue Products(OnnxGraph graph, GraphValue x, float[,] rows, float[,] columns)
    {
        var tall = graph.Node("MatMul", [Constant(graph, rows, false), x]);
        return graph.Node("MatMul", [tall, Constant(graph, columns, true)]);
    }

    private static GraphValue Constant(OnnxGraph graph, float[,] values, bool transposed)
    {
        var (rows, columns) = (values.GetLength(0), values.GetLength(1));
        var flat = new float[rows * columns];
        for (var i = 0; i < rows; i++)
        for (var j = 0; j < columns; j++)
            flat[transposed ? j * rows + i : i * columns + j] = values[i, j];
        return graph.Floats(flat, transposed ? [columns, rows] : [rows, columns]);
    }

    // The shares of the old pixels in each new one.
    private static float[,] Between(long from, long to, bool alignCorners)
    {
        var shares = new float[to, from];
        for (var i = 0; i < to; i++)
        {
            var place =
                !alignCorners ? Math.Max(0, (i + 0.5) * from / to - 0.5)
                : to == 1 ? 0
                : (double)i * (from - 1) / (to - 1);
            var low = Math.Min((int)place, (int)from - 1);
            var high = Math.Min(low + 1, (int)from - 1);
            shares[i, low] += (float)(1 - (place - low));
            shares[i, high] += (float)(place - low);
        }
        return shares;
    }

    private static float[,] Means(long from, long bins)
    {
        var shares = new float[bins, from];
        for (var i = 0; i < bins; i++)
        {
            var (start, end) = (i * from / bins, ((i + 1) * from + bins - 1) / bins);
            for (var j = start; j < end; j++)
                shares[i, j] = 1f / (end - start);
        }
        return shares;
    }
}
