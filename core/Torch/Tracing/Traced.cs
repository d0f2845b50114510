using KdPlugins.Torch.Onnx;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// What networks compute beside their modules, so that a <see cref="GraphTrace"/> sees it: the functions of TorchSharp's, with their
/// values and gradients. A network that takes these, and calls its modules by <c>call</c>, can be exported.
/// </summary>
public static class Traced
{
    /// <summary>left + right, with broadcasting.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">Any shape that fits.</param>
    /// <param name="inPlace">Whether the result takes the left one's memory.</param>
    public static Tensor Add(Tensor left, Tensor right, bool inPlace = false) =>
        Noted(inPlace ? left.add_(right) : left.add(right), [left, right], "Add", inPlace);

    /// <summary>left · right element by element, with broadcasting.</summary>
    public static Tensor Multiply(Tensor left, Tensor right) => Noted(left.mul(right), [left, right], "Mul");

    /// <summary>x · factor</summary>
    public static Tensor Scale(Tensor x, double factor) =>
        As(x.mul(factor), [x], (graph, v) => graph.Node("Mul", [v[0], graph.Floats([(float)factor], [])]));

    /// <summary>The matrix product of the last two dimensions, with broadcasting of the others.</summary>
    /// <exception cref="KdException"><c>KDP0002</c>: shapes do not fit.</exception>
    public static Tensor MatMul(Tensor left, Tensor right) =>
        Noted(TorchOps.matmul(left, right), [left, right], "MatMul");

    /// <summary>max(x, 0)</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="inPlace">Whether the result takes its memory.</param>
    public static Tensor Relu(Tensor x, bool inPlace = false) =>
        Noted(inPlace ? x.relu_() : x.relu(), [x], "Relu", inPlace);

    /// <summary>x · sigmoid(x), also called swish.</summary>
    public static Tensor Silu(Tensor x) => As(nn.functional.silu(x), [x], (graph, v) => LayerNodes.Silu(graph, v[0]));

    /// <summary>x · Φ(x), exactly.</summary>
    public static Tensor Gelu(Tensor x) =>
        As(nn.functional.gelu(x), [x], (graph, v) => graph.Node("Gelu", v, ("approximate", "none")));

    /// <summary>1 / (1 + exp(-x))</summary>
    public static Tensor Sigmoid(Tensor x) => Noted(x.sigmoid(), [x], "Sigmoid");

    /// <summary>The softmax over a dimension.</summary>
    public static Tensor Softmax(Tensor x, long dim) =>
        As(x.softmax(dim), [x], (graph, v) => graph.Node("Softmax", v, ("axis", dim)));

    /// <summary>The mean over dimensions other than the batch's.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="dims">The dimensions; negative ones count from the end.</param>
    /// <param name="keepDim">Whether they stay, of size 1.</param>
    public static Tensor Mean(Tensor x, long[] dims, bool keepDim = false) =>
        As(
            x.mean(dims, keepDim),
            [x],
            (graph, v) => graph.Node("ReduceMean", [v[0], graph.Longs(dims)], ("keepdims", keepDim ? 1 : 0))
        );

    /// <summary>Every sample in a row, [batch, values].</summary>
    public static Tensor Flatten(Tensor x) =>
        As(x.reshape(x.shape[0], -1), [x], (graph, v) => graph.Node("Flatten", v));

    /// <summary>Every sample in another shape.</summary>
    /// <param name="x">[batch, ...].</param>
    /// <param name="sample">The shape without the batch dimension.</param>
    public static Tensor Reshape(Tensor x, params long[] sample) =>
        As(
            x.reshape([x.shape[0], .. sample]),
            [x],
            (graph, v) => graph.Node("Reshape", [v[0], graph.Longs([0, .. sample])])
        );

    /// <summary>The dimensions in another order.</summary>
    public static Tensor Permute(Tensor x, params long[] order) =>
        As(x.permute(order), [x], (graph, v) => graph.Node("Transpose", v, ("perm", order)));

    /// <summary>One behind the other along a dimension.</summary>
    public static Tensor Cat(Tensor[] tensors, long dim) =>
        As(cat(tensors, dim), tensors, (graph, v) => graph.Node("Concat", v, ("axis", dim)));

    /// <summary>The greatest of every window.</summary>
    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="kernel">Pixels of the window's side.</param>
    /// <param name="stride">Pixels.</param>
    /// <param name="padding">Pixels on every side, which never count.</param>
    public static Tensor MaxPool2d(Tensor x, long kernel, long stride, long padding = 0) =>
        As(
            nn.functional.max_pool2d(x, kernel, stride, padding),
            [x],
            (graph, v) =>
                LayerNodes.MaxPooled(graph, v[0], [kernel, kernel], [stride, stride], [padding, padding], null)
        );

    /// <summary>The mean of every window.</summary>
    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="kernel">Pixels of the window's side.</param>
    /// <param name="stride">Pixels.</param>
    /// <param name="padding">Zeros on every side, which count.</param>
    public static Tensor AvgPool2d(Tensor x, long kernel, long stride, long padding = 0) =>
        As(
            nn.functional.avg_pool2d(x, kernel, stride, padding),
            [x],
            (graph, v) =>
                LayerNodes.AveragePooled(
                    graph,
                    v[0],
                    [kernel, kernel],
                    [stride, stride],
                    [padding, padding],
                    countsPadding: true
                )
        );

    /// <summary>Zeros in place of a share of the values in training; a graph passes them on.</summary>
    public static Tensor Dropout(Tensor x, double share, bool training) =>
        As(nn.functional.dropout(x, share, training), [x], (_, v) => v[0]);

    /// <summary>The same tensor by another handle.</summary>
    public static Tensor Alias(Tensor x) => As(x.alias(), [x], (_, v) => v[0]);

    /// <summary>Whatever the functions above lack: a result that is computed already, and how a graph has it.</summary>
    /// <param name="output">The result, which is given back.</param>
    /// <param name="inputs">What it was computed from: tensors that the trace has seen, parameters, buffers.</param>
    /// <param name="describe">Adds the same to a graph by <see cref="OnnxGraph.Node"/>; called only while one is made.</param>
    public static Tensor As(
        Tensor output,
        IReadOnlyList<Tensor> inputs,
        Func<OnnxGraph, IReadOnlyList<GraphValue>, GraphValue> describe
    )
    {
        GraphTrace.Current?.Tell(output, inputs, describe, "a function of Traced");
        return output;
    }

    private static Tensor Noted(Tensor output, IReadOnlyList<Tensor> inputs, string operation, bool inPlace = false)
    {
        if (GraphTrace.Current is not { } trace)
            return output;
        trace.Tell(output, inputs, (graph, v) => graph.Node(operation, v), $"Traced ({operation})");
        if (inPlace)
            trace.Same(inputs[0], output);
        return output;
    }
}
