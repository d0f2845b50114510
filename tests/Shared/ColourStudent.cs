using System.Text.Json.Nodes;
using KdPlugins.Torch.Onnx;

namespace KdPlugins.Tests;

/// <summary>
/// A student by hand, which holds an image for red, green or blue, whichever there is most of: its logits are ten times the
/// normalised means of the channels.
/// </summary>
internal static class ColourStudent
{
    internal const int Height = 4;
    internal const int Width = 6;

    /// <summary>What its metadata say.</summary>
    internal static JsonObject Record() =>
        JsonNode
            .Parse(
                $$"""
                {
                  "format": "1.0", "role": "student", "outputs": 3, "classes": 3, "class_names": ["red", "green", "blue"],
                  "network_input": [3, {{Height}}, {{Width}}],
                  "input": { "kind": "image", "shape": [3, {{Height}}, {{Width}}], "channels": 3, "height": {{Height}}, "width": {{Width}} },
                  "normalisation": { "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25] }
                }
                """
            )!
            .AsObject();

    /// <summary>The model's bytes.</summary>
    /// <param name="record">The metadata's record; null for what it is, an empty text for none.</param>
    /// <param name="pixels">Whether it takes bytes [batch, height, width, channels] and prepares them.</param>
    /// <param name="output">The name of its answers.</param>
    /// <param name="channels">Of its images; the mean of a single one is the first of three answers.</param>
    internal static byte[] Model(
        string? record = null,
        bool pixels = false,
        string output = "logits",
        long channels = 3
    )
    {
        var graph = new OnnxGraph();
        GraphValue means;
        if (pixels)
        {
            var bytes = graph.Input("input", GraphType.UInt8, "batch", "height", "width", 3L);
            var values = graph.Node("Cast", [bytes], ("to", 1));
            var mean = graph.Node("ReduceMean", [values, graph.Longs(1, 2)], ("keepdims", 0));
            var scaled = graph.Node("Div", [mean, graph.Floats([255 * 0.25f], [])]);
            means = graph.Node("Sub", [scaled, graph.Floats([2], [])]);
        }
        else
        {
            var input = graph.Input("input", GraphType.Float32, "batch", channels, (long)Height, (long)Width);
            means = graph.Node("ReduceMean", [input, graph.Longs(2, 3)], ("keepdims", 0));
        }
        if (channels == 1)
            means = graph.Node("Mul", [means, graph.Floats([1, 0, 0], [3])]);
        var logits = graph.Node("Mul", [means, graph.Floats([10], [])]);
        graph.Output(output, logits, GraphType.Float32, "batch", 3L);
        var metadata = new Dictionary<string, string>
        {
            ["kd.onnx"] = $$"""{ "format": "1.0", "input": "{{(pixels ? "uint8 NHWC" : "float32 NCHW")}}" }""",
        };
        if (record != "")
            metadata["kd.record"] = record ?? Record().ToJsonString();
        return graph.ToBytes(metadata, ("tests", "1.0"));
    }
}
