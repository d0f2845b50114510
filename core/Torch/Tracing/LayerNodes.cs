using KdPlugins.Torch.Onnx;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>libtorch's modules in evaluation mode, as nodes of an ONNX graph.</summary>
internal static class LayerNodes
{
    /// <summary>The value that a module gives; null for a module that has no form here.</summary>
    /// <param name="at">Graph and path.</param>
    /// <param name="layer">The module.</param>
    /// <param name="read">Gives the value of what it reads; asked only where the module has a form.</param>
    /// <param name="input">What it has read.</param>
    /// <param name="output">What it gave.</param>
    internal static GraphValue? Describe(
        LayerGraph at,
        nn.Module layer,
        Func<GraphValue> read,
        Tensor input,
        Tensor output
    ) =>
        layer switch
        {
            Convolution { transposed: false, padding_mode: PaddingModes.Zeros } c => Convolved(at, c, read()),
            BatchNorm { running_mean: not null, running_var: not null } n => Normed(at, n, read()),
            GroupNorm n => Grouped(at, n, read(), input.shape),
            LayerNorm n => Layered(at, n, read()),
            Linear l => Product(at, read(), l.weight, l.bias, input.dim()),
            ReLU => at.Graph.Node("Relu", [read()]),
            ReLU6 => at.Graph.Node("Clip", [read(), at.Graph.Floats([0], []), at.Graph.Floats([6], [])]),
            LeakyReLU r => at.Graph.Node("LeakyRelu", [read()], ("alpha", r.negative_slope)),
            GELU g => at.Graph.Node(
                "Gelu",
                [read()],
                ("approximate", g.approximate == GELU.Approximate.tanh ? "tanh" : "none")
            ),
            SiLU => Silu(at.Graph, read()),
            Sigmoid => at.Graph.Node("Sigmoid", [read()]),
            Tanh => at.Graph.Node("Tanh", [read()]),
            Hardswish => at.Graph.Node("HardSwish", [read()]),
            Softmax s => at.Graph.Node("Softmax", [read()], ("axis", s.dim)),
            MaxPool2d { ceil_mode: false } p => MaxPooled(
                at.Graph,
                read(),
                p.kernel_size,
                p.stride,
                p.padding,
                p.dilation
            ),
            AvgPool2d { ceil_mode: false, divisor_override: null } p => AveragePooled(
                at.Graph,
                read(),
                p.kernel_size,
                p.stride,
                p.padding,
                p.count_include_pad
            ),
            AdaptiveAvgPool2d { output_size: [1, 1] } => at.Graph.Node("GlobalAveragePool", [read()]),
            Flatten { start_dim: >= 1 } => Reshaped(at.Graph, read(), output.shape),
            Dropout or Dropout1d or Dropout2d or Dropout3d or Identity => read(),
            _ => null,
        };

    internal static GraphValue Silu(OnnxGraph graph, GraphValue x) =>
        graph.Node("Mul", [x, graph.Node("Sigmoid", [x])]);

    internal static GraphValue MaxPooled(
        OnnxGraph graph,
        GraphValue x,
        long[] kernel,
        long[]? stride,
        long[]? padding,
        long[]? dilation
    ) =>
        graph.Node(
            "MaxPool",
            [x],
            ("kernel_shape", kernel),
            ("strides", stride ?? kernel),
            ("pads", Both(padding ?? [0, 0])),
            ("dilations", dilation ?? [1, 1])
        );

    internal static GraphValue AveragePooled(
        OnnxGraph graph,
        GraphValue x,
        long[] kernel,
        long[]? stride,
        long[]? padding,
        bool countsPadding
    ) =>
        graph.Node(
            "AveragePool",
            [x],
            ("kernel_shape", kernel),
            ("strides", stride ?? kernel),
            ("pads", Both(padding ?? [0, 0])),
            ("count_include_pad", countsPadding ? 1 : 0)
        );

    /// <summary>The same values in another shape, the batch as it is.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="x">The value.</param>
    /// <param name="shape">With the batch dimension, whose size does not count.</param>
    internal static GraphValue Reshaped(OnnxGraph graph, GraphValue x, ReadOnlySpan<long> shape) =>
        graph.Node("Reshape", [x, graph.Longs([0, .. shape[1..]])]);

    internal static GraphValue Convolved(
        LayerGraph at,
        GraphValue x,
        Tensor weight,
        Tensor? bias,
        ConvolutionGeometry geometry,
        long[]? pads = null
    ) =>
        at.Graph.Node(
            "Conv",
            bias is null
                ? [x, at.Constant(weight, "weight")]
                : [x, at.Constant(weight, "weight"), at.Constant(bias, "bias")],
            ("kernel_shape", weight.shape[2..]),
            ("strides", geometry.Stride),
            ("pads", pads ?? Both(geometry.Padding)),
            ("dilations", geometry.Dilation),
            ("group", geometry.Groups)
        );

    /// <summary>x·Wᵀ + b</summary>
    internal static GraphValue Product(LayerGraph at, GraphValue x, Tensor weight, Tensor? bias, long dimensions)
    {
        if (dimensions == 2)
            return at.Graph.Node(
                "Gemm",
                bias is null
                    ? [x, at.Constant(weight, "weight")]
                    : [x, at.Constant(weight, "weight"), at.Constant(bias, "bias")],
                ("transB", 1)
            );
        using var turned = weight.t();
        var product = at.Graph.Node("MatMul", [x, at.Constant(turned, "weight")]);
        return bias is null ? product : at.Graph.Node("Add", [product, at.Constant(bias, "bias")]);
    }

    private static GraphValue Convolved(LayerGraph at, Convolution c, GraphValue x)
    {
        var none = new long[c.kernel_size.Length];
        var geometry = new ConvolutionGeometry([.. c.stride], c.padding ?? none, [.. c.dilation], c.groups);
        if (c.padding_type != TorchSharp.Padding.Same)
            return Convolved(at, x, c.weight, c.bias, geometry);
        // An odd pixel is padded behind, as libtorch does.
        var all = c.dilation.Zip(c.kernel_size, (d, k) => d * (k - 1)).ToArray();
        long[] pads = [.. all.Select(p => p / 2), .. all.Select(p => p - p / 2)];
        return Convolved(at, x, c.weight, c.bias, geometry, pads);
    }

    private static GraphValue Normed(LayerGraph at, BatchNorm n, GraphValue x) =>
        at.Graph.Node(
            "BatchNormalization",
            [
                x,
                Scale(at, n.weight, n.num_features, 1),
                Scale(at, n.bias, n.num_features, 0),
                at.Constant(n.running_mean!, "running_mean"),
                at.Constant(n.running_var!, "running_var"),
            ],
            ("epsilon", n.eps)
        );

    private static GraphValue Layered(LayerGraph at, LayerNorm n, GraphValue x)
    {
        var size = n.normalized_shape.Aggregate(1L, (a, b) => a * b);
        var scale = n.weight is null ? Even(at, n.normalized_shape, size, 1) : at.Constant(n.weight, "weight");
        var shift = n.bias is null ? Even(at, n.normalized_shape, size, 0) : at.Constant(n.bias, "bias");
        return at.Graph.Node(
            "LayerNormalization",
            [x, scale, shift],
            ("axis", -n.normalized_shape.Length),
            ("epsilon", n.eps)
        );
    }

    // Each group as one channel of an instance norm, then scale and shift of every channel.
    private static GraphValue Grouped(LayerGraph at, GroupNorm n, GraphValue x, long[] shape)
    {
        var channels = shape[1];
        var (scale, shift) = (Scale(at, n.affine ? n.weight : null, channels, 1), Scale(at, n.bias, channels, 0));
        if (n.num_groups == channels)
            return at.Graph.Node("InstanceNormalization", [x, scale, shift], ("epsilon", n.eps));
        var apart = at.Graph.Node("Reshape", [x, at.Graph.Longs(0, n.num_groups, -1)]);
        GraphValue[] even = [Even(at, [n.num_groups], n.num_groups, 1), Even(at, [n.num_groups], n.num_groups, 0)];
        var normed = at.Graph.Node("InstanceNormalization", [apart, .. even], ("epsilon", n.eps));
        var together = Reshaped(at.Graph, normed, shape);
        var perChannel = at.Graph.Longs([channels, .. Enumerable.Repeat(1L, shape.Length - 2)]);
        var scaled = at.Graph.Node("Mul", [together, at.Graph.Node("Reshape", [scale, perChannel])]);
        return at.Graph.Node("Add", [scaled, at.Graph.Node("Reshape", [shift, perChannel])]);
    }

    private static GraphValue Scale(LayerGraph at, Tensor? own, long size, float otherwise) =>
        own is null ? Even(at, [size], size, otherwise) : at.Constant(own, otherwise == 1 ? "weight" : "bias");

    private static GraphValue Even(LayerGraph at, IReadOnlyList<long> shape, long size, float value)
    {
        var values = new float[size];
        Array.Fill(values, value);
        return at.Graph.Floats(values, shape);
    }

    private static long[] Both(long[] padding) => [.. padding, .. padding];
}
