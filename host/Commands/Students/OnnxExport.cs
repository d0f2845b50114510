using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Torch;
using KdPlugins.Torch.Onnx;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>A network as an ONNX model: its frozen form, where it has one, traced on a batch.</summary>
internal static class OnnxExport
{
    /// <summary>Makes the model's bytes.</summary>
    /// <param name="network">The network.</param>
    /// <param name="withPreprocessing">Whether the graph takes bytes [batch, height, width, channels] of any size and prepares them.</param>
    /// <exception cref="KdException">
    /// <c>KDP0010</c>: an operation cannot be written down; <c>KDP0823</c>: what prepares images is no normalisation.
    /// </exception>
    internal static byte[] Make(RecordedNetwork network, bool withPreprocessing)
    {
        var graph = new OnnxGraph();
        var (channels, height, width) = (network.Input[0], network.Input[1], network.Input[2]);
        var input = withPreprocessing
            ? Prepared(graph, network)
            : graph.Input(StudentCard.InputName, GraphType.Float32, "batch", channels, height, width);
        var frozen = network.Network is IFreezableNetwork freezable ? freezable.Freeze(ScalarType.Float32) : null;
        try
        {
            var traced = frozen ?? network.Network;
            // Two, so that no number of the graph can come from a batch of one.
            using var sample = zeros(2, channels, height, width);
            var (logits, shape) = GraphTrace.Record(
                graph,
                input,
                traced.Module,
                sample,
                x => traced.Forward(x, null, []).Logits
            );
            graph.Output(StudentCard.OutputName, logits, GraphType.Float32, ["batch", .. shape.Select(d => (object)d)]);
        }
        finally
        {
            frozen?.Module.Dispose();
        }
        return graph.ToBytes(Metadata(network, withPreprocessing), ("kd", Build()));
    }

    private static Dictionary<string, string> Metadata(RecordedNetwork network, bool withPreprocessing)
    {
        var kind = new JsonObject
        {
            ["format"] = "1.0",
            ["input"] = withPreprocessing ? "uint8 NHWC" : "float32 NCHW",
            ["opset"] = OnnxGraph.Opset,
        };
        return new()
        {
            [StudentCard.RecordKey] = Screen.Text(network.Record),
            [StudentCard.GraphKey] = Screen.Text(kind),
        };
    }

    private static string Build() => typeof(OnnxExport).Assembly.GetName().Version!.ToString(3);

    // Bytes as cameras give them: the square in the middle, or the whole, at the network's size, then (x / 255 - mean) / std.
    private static GraphValue Prepared(OnnxGraph graph, RecordedNetwork network)
    {
        if (network.Normalisation is not var (mean, std))
            throw new KdException(
                CommandErrors.PreprocessingUnknown,
                $"What evaluations did to images before the network of '{network.Name}' is no (x - mean) / std.",
                "Export it without --with-preprocessing, and prepare images by what kd.record says under \"preprocessing\"."
            );
        var channels = network.Input[0];
        var input = graph.Input(StudentCard.InputName, GraphType.UInt8, "batch", "height", "width", channels);
        var planes = graph.Node("Transpose", [input], ("perm", new long[] { 0, 3, 1, 2 }));
        var values = graph.Node("Cast", [planes], ("to", (long)GraphType.Float32));
        if ((string?)network.Record["input"]!["resize"] != "stretch")
            values = Square(graph, values);
        var sized = graph.Node(
            "Resize",
            [values, default, default, graph.Longs(network.Input[1], network.Input[2])],
            ("axes", new long[] { 2, 3 }),
            ("mode", "linear"),
            ("antialias", 1),
            // At the edges too, what lies outside has no weight.
            ("exclude_outside", 1),
            ("coordinate_transformation_mode", "half_pixel")
        );
        // As bytes, which the network was trained on.
        var bytes = graph.Node("Round", [sized]);
        float[] factor = [.. std.Select(s => (float)(1 / (255.0 * s)))];
        float[] start = [.. mean.Zip(std, (m, s) => (float)((double)m / s))];
        long[] perChannel = [1, channels, 1, 1];
        var scaled = graph.Node("Mul", [bytes, graph.Floats(factor, perChannel)]);
        return graph.Node("Sub", [scaled, graph.Floats(start, perChannel)]);
    }

    private static GraphValue Square(OnnxGraph graph, GraphValue values)
    {
        var size = graph.Node("Shape", [values], ("start", 2));
        var side = graph.Node("ReduceMin", [size], ("keepdims", 1));
        var begin = graph.Node("Div", [graph.Node("Sub", [size, side]), graph.Longs(2)]);
        var end = graph.Node("Add", [begin, side]);
        return graph.Node("Slice", [values, begin, end, graph.Longs(2, 3)]);
    }
}
