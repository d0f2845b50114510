using KdPlugins.Torch.Stable;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>Gradients of some tensors with respect to others, with errors instead of the end of the process.</summary>
public static class Gradients
{
    private static readonly StableOperator Backward = new("aten::_backward");

    /// <summary>
    /// What <c>torch.autograd.grad</c> computes: the gradient of the sum of <paramref name="outputs"/> (each weighted by
    /// its <paramref name="gradOutputs"/>) with respect to each of <paramref name="inputs"/>. No <c>.grad</c> is changed.
    /// </summary>
    /// <param name="outputs">At least one; of one element each where no weights are given.</param>
    /// <param name="inputs">At least one; tensors that the outputs were computed from, leaves or not.</param>
    /// <param name="gradOutputs">A weight of the output's shape per output; null for ones.</param>
    /// <param name="retainGraph">Whether the graph serves again; null: where <paramref name="createGraph"/> is true.</param>
    /// <param name="createGraph">Whether the gradients can be differentiated in turn.</param>
    /// <param name="allowUnused">Whether an input that no output depends on gives null instead of an error.</param>
    /// <returns>A gradient per input, of its shape; null only where allowed.</returns>
    /// <remarks>Uses the inputs' <c>.grad</c> for the time of the call: not for two threads on one tensor at once.</remarks>
    /// <exception cref="KdException"><c>KDP0002</c>: libtorch refused. <c>KDP0004</c>: arguments do not fit each other, or
    /// an input is unused.</exception>
    public static Tensor?[] Of(
        IReadOnlyList<Tensor> outputs,
        IReadOnlyList<Tensor> inputs,
        IReadOnlyList<Tensor>? gradOutputs = null,
        bool? retainGraph = null,
        bool createGraph = false,
        bool allowUnused = false
    )
    {
        Check(outputs, inputs, gradOutputs);
        using var scope = NewDisposeScope();
        var before = inputs.Select(i => i.is_leaf ? i.grad : null).ToList();
        var found = new Tensor?[inputs.Count];
        try
        {
            foreach (var input in inputs)
                input.grad = null;
            var retain = retainGraph ?? createGraph;
            for (var i = 0; i < outputs.Count; i++)
                Call(outputs[i], inputs, gradOutputs?[i], retain || i < outputs.Count - 1, createGraph);
            for (var i = 0; i < found.Length; i++)
                found[i] = inputs[i].grad;
        }
        finally
        {
            // Also lets go of the graph, which a gradient made with createGraph would hold in a circle.
            for (var i = 0; i < found.Length; i++)
                inputs[i].grad = before[i];
        }
        var unused = Array.IndexOf(found, null);
        if (unused >= 0 && !allowUnused)
            throw Refusal(
                $"got input {unused}, {TensorText.Describe(inputs[unused])}, which no output depends on (allowUnused gives null for it)"
            );
        return Array.ConvertAll(found, g => g?.MoveToOuterDisposeScope());
    }

    /// <summary>The gradient of one tensor of one element with respect to another tensor.</summary>
    /// <param name="output">One element.</param>
    /// <param name="input">What it was computed from.</param>
    /// <param name="retainGraph">Whether the graph serves again; null: where <paramref name="createGraph"/> is true.</param>
    /// <param name="createGraph">Whether the gradient can be differentiated in turn.</param>
    /// <exception cref="KdException"><c>KDP0002</c>, <c>KDP0004</c>: as for several.</exception>
    public static Tensor Of(Tensor output, Tensor input, bool? retainGraph = null, bool createGraph = false) =>
        Of([output], [input], null, retainGraph, createGraph)[0]!;

    private static void Check(
        IReadOnlyList<Tensor> outputs,
        IReadOnlyList<Tensor> inputs,
        IReadOnlyList<Tensor>? gradOutputs
    )
    {
        if (outputs.Count == 0 || inputs.Count == 0)
            throw Refusal("got no outputs or no inputs");
        if (gradOutputs is not null && gradOutputs.Count != outputs.Count)
            throw Refusal($"got {gradOutputs.Count} weights for {outputs.Count} outputs");
        for (var i = 0; i < inputs.Count; i++)
            if (!inputs[i].requires_grad)
                throw Refusal($"got input {i}, {TensorText.Describe(inputs[i])}, which requires no gradient");
        if (inputs.Distinct(ReferenceEqualityComparer.Instance).Count() < inputs.Count)
            throw Refusal("got an input twice");
    }

    private static void Call(Tensor output, IReadOnlyList<Tensor> inputs, Tensor? weight, bool retain, bool createGraph)
    {
        var call = new StableCall(Backward, stackalloc ulong[5]);
        call.Push(output);
        call.Push(inputs);
        call.PushOptional(weight);
        call.PushOptional(retain);
        call.Push(createGraph);
        call.Invoke();
    }

    private static KdException Refusal(string detail) => new(TorchErrors.BadArgument, $"A gradient {detail}.");
}
