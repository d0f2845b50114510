namespace KdPlugins.Torch.Onnx;

/// <summary>A value in a graph: an input, a constant, or what a node gives.</summary>
/// <param name="Name">Unique in its graph.</param>
public readonly record struct GraphValue(string Name);

/// <summary>What the elements of a graph's value are. The numbers are ONNX's.</summary>
public enum GraphType
{
    /// <summary>32-bit floating point.</summary>
    Float32 = 1,

    /// <summary>Bytes.</summary>
    UInt8 = 2,

    /// <summary>64-bit integers.</summary>
    Int64 = 7,
}

/// <summary>An input or output of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its elements.</param>
/// <param name="Shape">Numbers, and names of dimensions that are free.</param>
internal sealed record GraphPort(string Name, GraphType Type, IReadOnlyList<object> Shape);

/// <summary>A constant: row-major, little-endian.</summary>
internal sealed record GraphConstant(string Name, GraphType Type, IReadOnlyList<long> Shape, byte[] Data);

/// <summary>An operation.</summary>
/// <param name="Operator">ONNX's name of it.</param>
/// <param name="Inputs">Names; an empty one stands for an input that is left out.</param>
/// <param name="Output">What it gives.</param>
/// <param name="Attributes">Each a long, a float, a text, or several longs.</param>
internal sealed record GraphNode(
    string Operator,
    IReadOnlyList<string> Inputs,
    string Output,
    IReadOnlyList<(string Name, object Value)> Attributes
);
