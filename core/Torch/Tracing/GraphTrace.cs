using KdPlugins.Torch.Onnx;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Notes what a network computes as an ONNX graph, while it computes it. Seen are modules of libtorch's that are called by
/// <c>call</c>, frozen layers, and the functions of <see cref="Traced"/>; a value that comes from elsewhere is refused when
/// one of these reads it.
/// </summary>
/// <remarks>
/// Sizes of one sample become part of the graph, the number of samples does not. What changes a tensor in place unseen is not noticed:
/// whoever makes a graph compares its answers with the network's.
/// </remarks>
public sealed class GraphTrace : IDisposable
{
    [ThreadStatic]
    private static GraphTrace? _current;

    private readonly OnnxGraph _graph;
    private readonly nn.Module _root;
    private readonly GraphTrace? _outer;
    private readonly Dictionary<Tensor, GraphValue> _values = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Tensor, string> _refused = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<nn.Module, string> _paths = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<nint, (string Path, Tensor Tensor)> _kept = [];
    private readonly List<Action> _hooks = [];

    private GraphTrace(OnnxGraph graph, nn.Module root)
    {
        (_graph, _root, _outer) = (graph, root, _current);
        foreach (var (path, part) in root.named_modules().Prepend(("", root)))
            if (_paths.TryAdd(part, path))
                Watch(part);
        foreach (var (path, tensor) in root.named_parameters().Select(p => (p.name, (Tensor)p.parameter)))
            _kept[tensor.Handle] = (path, tensor);
        foreach (var (path, tensor) in root.named_buffers())
            _kept[tensor.Handle] = (path, tensor);
        _current = this;
    }

    /// <summary>Adds to a graph what a network computes of an input.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="input">What the sample stands for in it.</param>
    /// <param name="root">The network, in evaluation mode.</param>
    /// <param name="sample">A batch, as large as those to come but for the number of samples.</param>
    /// <param name="compute">Runs the network on the sample and gives the tensor that is the result.</param>
    /// <returns>The result, and its shape without the batch dimension.</returns>
    /// <exception cref="KdException"><c>KDP0010</c>: an operation is not seen, or has no form in ONNX here.</exception>
    public static (GraphValue Value, IReadOnlyList<long> Shape) Record(
        OnnxGraph graph,
        GraphValue input,
        nn.Module root,
        Tensor sample,
        Func<Tensor, Tensor> compute
    )
    {
        ArgumentNullException.ThrowIfNull(compute);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var trace = new GraphTrace(graph, root);
        trace._values[sample] = input;
        var result = compute(sample);
        return (trace.ValueOf(result, "the network's answer"), result.shape[1..]);
    }

    /// <summary>The trace that goes on on this thread; null for none.</summary>
    internal static GraphTrace? Current => _current;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var remove in _hooks)
            remove();
        _hooks.Clear();
        _current = _outer;
    }

    /// <summary>Says which value a tensor is.</summary>
    /// <param name="output">The tensor, by the very object that is passed on.</param>
    /// <param name="inputs">What it was computed from; parameters and buffers of the network are constants.</param>
    /// <param name="describe">Adds the operation to the graph.</param>
    /// <param name="reader">Who computes, for messages.</param>
    internal void Tell(
        Tensor output,
        IReadOnlyList<Tensor> inputs,
        Func<OnnxGraph, IReadOnlyList<GraphValue>, GraphValue> describe,
        string reader
    ) => _values[output] = describe(_graph, [.. inputs.Select(i => ValueOf(i, reader))]);

    /// <summary>The same of a layer of this assembly.</summary>
    internal static void TellLayer<T>(
        T layer,
        Tensor output,
        IReadOnlyList<Tensor> inputs,
        Func<LayerGraph, GraphValue> describe
    )
        where T : nn.Module, IFrozenLayer
    {
        if (_current is { } trace)
            trace.Tell(
                output,
                inputs,
                (graph, values) => describe(new(graph, values, trace.PathOf(layer))),
                trace.Named(layer)
            );
    }

    /// <summary>Says that a tensor is the same value as another one, such as after a change in place.</summary>
    internal void Same(Tensor tensor, Tensor other)
    {
        if (_values.TryGetValue(other, out var value))
            _values[tensor] = value;
    }

    private GraphValue ValueOf(Tensor tensor, string reader)
    {
        if (_values.TryGetValue(tensor, out var value))
            return value;
        if (!tensor.IsInvalid && _kept.TryGetValue(tensor.Handle, out var kept))
            return _values[tensor] = _graph.Constant(kept.Tensor, kept.Path);
        var source = _refused.TryGetValue(tensor, out var module)
            ? $"is what {module} gives, which has no form in ONNX here"
            : "comes from an operation that is not seen";
        throw new KdException(
            TorchErrors.Graph,
            $"The graph of '{_root.GetName()}' cannot be made: what {reader} reads {source}."
        );
    }

    private string PathOf(nn.Module module) => _paths.GetValueOrDefault(module, module.GetName());

    private string Named(nn.Module module) => $"'{PathOf(module)}' ({module.GetType().Name})";

    private void Watch(nn.Module module)
    {
        var isOfLibTorch = module.GetType().Assembly == typeof(Conv2d).Assembly;
        // A module of modules computes by these.
        if (!isOfLibTorch || module is not nn.Module<Tensor, Tensor> layer || module.named_children().Any())
            return;
        var hook = layer.register_forward_hook(
            (_, input, output) =>
            {
                Note(layer, input, output);
                return null!;
            }
        );
        _hooks.Add(hook.remove);
    }

    private void Note(nn.Module<Tensor, Tensor> layer, Tensor input, Tensor output)
    {
        if (_current != this)
            return;
        var made = new LayerGraph(_graph, [], PathOf(layer));
        if (LayerNodes.Describe(made, layer, () => ValueOf(input, Named(layer)), input, output) is { } value)
            _values[output] = value;
        else
            _refused[output] = Named(layer);
    }
}

/// <summary>Where a layer describes itself.</summary>
/// <param name="Graph">The graph.</param>
/// <param name="Inputs">What it reads.</param>
/// <param name="Path">Its path in the network, by which its constants are called.</param>
internal sealed record LayerGraph(OnnxGraph Graph, IReadOnlyList<GraphValue> Inputs, string Path)
{
    internal GraphValue Constant(Tensor tensor, string name) =>
        Graph.Constant(tensor, Path.Length == 0 ? name : $"{Path}.{name}");
}
