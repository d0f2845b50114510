using System.Runtime.InteropServices;

namespace KdPlugins.Torch.Onnx;

/// <summary>
/// Batch norms behind convolutions become part of their weights, as <see cref="BatchNormFolding"/> has it for layers: computed in
/// double precision and rounded once.
/// </summary>
internal static class GraphFolding
{
    internal static void Fold(OnnxGraph graph)
    {
        foreach (var norm in graph.Nodes.Where(n => n.Operator == "BatchNormalization").ToList())
        {
            var before = graph.Nodes.FirstOrDefault(n => n.Output == norm.Inputs[0]);
            var readers = graph.Nodes.Count(n => n.Inputs.Contains(norm.Inputs[0]));
            if (before?.Operator == "Conv" && readers == 1)
                Fold(graph, before, norm);
        }
    }

    // conv'(x) = conv(x)·s + β + (b - μ)·s with s = γ / √(σ² + ε)
    private static void Fold(OnnxGraph graph, GraphNode convolution, GraphNode norm)
    {
        var constants = norm.Inputs.Skip(1).Select(graph.FindConstant).ToList();
        // Weights that several convolutions share are not this one's to change.
        var isOwn = graph.Nodes.Count(n => n.Inputs.Contains(convolution.Inputs[1])) == 1;
        if (graph.FindConstant(convolution.Inputs[1]) is not { } weight || !isOwn || constants.Contains(null))
            return;
        var epsilon = (float)norm.Attributes.First(a => a.Name == "epsilon").Value;
        var (gamma, beta, mean, variance) = (
            Floats(constants[0]!),
            Floats(constants[1]!),
            Floats(constants[2]!),
            Floats(constants[3]!)
        );
        var bias =
            convolution.Inputs.Count > 2 ? Floats(graph.FindConstant(convolution.Inputs[2])!) : new float[gamma.Length];
        var weights = Floats(weight);
        var perChannel = weights.Length / gamma.Length;
        var (scaled, shifted) = (new float[weights.Length], new float[gamma.Length]);
        for (var c = 0; c < gamma.Length; c++)
        {
            var scale = gamma[c] / Math.Sqrt((double)variance[c] + epsilon);
            shifted[c] = (float)(beta[c] + ((double)bias[c] - mean[c]) * scale);
            for (var i = c * perChannel; i < (c + 1) * perChannel; i++)
                scaled[i] = (float)(weights[i] * scale);
        }
        graph.Replace(weight with { Data = MemoryMarshal.AsBytes(scaled.AsSpan()).ToArray() });
        var folded = graph.Floats(shifted, [gamma.Length], $"{weight.Name}.folded");
        graph.Replace(
            convolution,
            convolution with
            {
                Inputs = [convolution.Inputs[0], convolution.Inputs[1], folded.Name],
            }
        );
        graph.Bypass(norm, convolution.Output);
    }

    private static float[] Floats(GraphConstant constant) =>
        MemoryMarshal.Cast<byte, float>(constant.Data.AsSpan()).ToArray();
}
