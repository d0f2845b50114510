using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Onnx;

/// <summary>
/// A network as an ONNX graph in the making: inputs, constants, operations in the order in which they compute. Operators are
/// those of ONNX's own domain at <see cref="Opset"/>.
/// </summary>
public sealed class OnnxGraph
{
    /// <summary>The version of ONNX's operators that a graph uses: ONNX Runtime 1.18 and later have it.</summary>
    public const int Opset = 21;

    /// <summary>The version of the file's format that came with these operators.</summary>
    internal const int FormatVersion = 10;

    private readonly List<GraphNode> _nodes = [];
    private readonly Dictionary<string, GraphConstant> _constants = [];
    private readonly List<GraphPort> _inputs = [];
    private readonly List<GraphPort> _outputs = [];
    private readonly HashSet<string> _names = [];

    internal IReadOnlyList<GraphNode> Nodes => _nodes;
    internal IReadOnlyCollection<GraphConstant> Constants => _constants.Values;
    internal IReadOnlyList<GraphPort> Inputs => _inputs;
    internal IReadOnlyList<GraphPort> Outputs => _outputs;

    /// <summary>An input.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">Its elements.</param>
    /// <param name="shape">Numbers of type long, and texts that name dimensions of any size.</param>
    public GraphValue Input(string name, GraphType type, params IReadOnlyList<object> shape)
    {
        _inputs.Add(new(Claim(name), type, shape));
        return new(name);
    }

    /// <summary>Makes a value an output, under a name of its own.</summary>
    /// <param name="name">The output's name.</param>
    /// <param name="value">What it is.</param>
    /// <param name="type">Its elements.</param>
    /// <param name="shape">As of <see cref="Input"/>.</param>
    public void Output(string name, GraphValue value, GraphType type, params IReadOnlyList<object> shape)
    {
        _nodes.Add(new("Identity", [value.Name], Claim(name), []));
        _outputs.Add(new(name, type, shape));
    }

    /// <summary>The values of a tensor, as 32-bit floating point or as 64-bit integers, whichever it is nearer to.</summary>
    /// <param name="tensor">Any shape, dtype and device; it is copied.</param>
    /// <param name="name">A name for people, such as a parameter's path.</param>
    public GraphValue Constant(Tensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var isFloat = tensor.is_floating_point();
        var values = tensor.detach().cpu().to(isFloat ? ScalarType.Float32 : ScalarType.Int64).contiguous();
        return isFloat
            ? Floats(values.data<float>().ToArray(), tensor.shape, name)
            : Add(new(name, GraphType.Int64, tensor.shape, Bytes<long>(values.data<long>().ToArray())));
    }

    /// <summary>Numbers.</summary>
    /// <param name="values">Row-major.</param>
    /// <param name="shape">Empty for a single number.</param>
    /// <param name="name">A name for people.</param>
    public GraphValue Floats(ReadOnlySpan<float> values, IReadOnlyList<long> shape, string name = "constant") =>
        Add(new(name, GraphType.Float32, shape, Bytes(values)));

    /// <summary>A row of integers, such as a shape.</summary>
    public GraphValue Longs(params ReadOnlySpan<long> values) =>
        Add(new("constant", GraphType.Int64, [values.Length], Bytes(values)));

    /// <summary>An operation with one result.</summary>
    /// <param name="operation">ONNX's name of it, such as <c>Conv</c>.</param>
    /// <param name="inputs">In ONNX's order; a default value stands for one that is left out.</param>
    /// <param name="attributes">
    /// By ONNX's names; each value is a long, an int, a float, a double, a string, or a list of longs.
    /// </param>
    /// <exception cref="ArgumentException">An attribute is of another type.</exception>
    public GraphValue Node(
        string operation,
        IReadOnlyList<GraphValue> inputs,
        params IReadOnlyList<(string Name, object Value)> attributes
    )
    {
        var output = Claim(Free(operation.ToLowerInvariant()));
        _nodes.Add(
            new(
                operation,
                [.. inputs.Select(i => i.Name ?? "")],
                output,
                [.. attributes.Select(a => (a.Name, Plain(a.Name, a.Value)))]
            )
        );
        return new(output);
    }

    /// <summary>
    /// The model as bytes of ONNX's format. A batch norm behind a convolution whose result nothing else reads is folded into
    /// its weights first.
    /// </summary>
    /// <param name="metadata">Texts that go with the model.</param>
    /// <param name="producer">Who made it, and its version.</param>
    /// <exception cref="KdException"><c>KDP0010</c>: larger than the 2 GiB that the format can hold.</exception>
    public byte[] ToBytes(IReadOnlyDictionary<string, string> metadata, (string Name, string Version) producer)
    {
        GraphFolding.Fold(this);
        if (_constants.Values.Sum(c => (long)c.Data.Length) > int.MaxValue - (16L << 20))
            throw new KdException(
                TorchErrors.Graph,
                "The network's weights are larger than the 2 GiB of an ONNX file."
            );
        return OnnxWriter.Write(this, metadata, producer);
    }

    internal GraphConstant? FindConstant(string name) => _constants.GetValueOrDefault(name);

    /// <summary>Puts other values into a constant.</summary>
    internal void Replace(GraphConstant constant) => _constants[constant.Name] = constant;

    /// <summary>Takes an operation away whose result was another one's input; readers of it read that one.</summary>
    internal void Bypass(GraphNode node, string instead)
    {
        _nodes.Remove(node);
        for (var i = 0; i < _nodes.Count; i++)
            if (_nodes[i].Inputs.Contains(node.Output))
                _nodes[i] = _nodes[i] with
                {
                    Inputs = [.. _nodes[i].Inputs.Select(n => n == node.Output ? instead : n)],
                };
        var read = _nodes.SelectMany(n => n.Inputs).ToHashSet();
        foreach (var name in _constants.Keys.Where(n => !read.Contains(n)).ToList())
            _constants.Remove(name);
    }

    /// <summary>Puts another operation in an operation's place.</summary>
    internal void Replace(GraphNode node, GraphNode by) => _nodes[_nodes.IndexOf(node)] = by;

    private GraphValue Add(GraphConstant constant)
    {
        var name = Claim(Free(constant.Name));
        _constants[name] = constant with { Name = name };
        return new(name);
    }

    private string Free(string name)
    {
        if (!_names.Contains(name))
            return name;
        var number = 1;
        while (_names.Contains($"{name}_{number}"))
            number++;
        return $"{name}_{number}";
    }

    private string Claim(string name) =>
        _names.Add(name) ? name : throw new ArgumentException($"The graph has a value '{name}' already.", nameof(name));

    private static object Plain(string name, object value) =>
        value switch
        {
            long or float or string => value,
            int number => (long)number,
            double number => (float)number,
            IReadOnlyList<long> several => several.ToArray(),
            _ => throw new ArgumentException($"The attribute '{name}' is a {value?.GetType().Name ?? "null"}.", name),
        };

    private static byte[] Bytes<T>(ReadOnlySpan<T> values)
        where T : unmanaged => MemoryMarshal.AsBytes(values).ToArray();
}
