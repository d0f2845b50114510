using Google.Protobuf;

namespace KdPlugins.Torch.Onnx;

/// <summary>
/// A graph in ONNX's format, which is protocol buffers. The numbers are those of the fields in onnx.proto, which may be added to and never
/// change; what this writes of them is listed beside each message.
/// </summary>
internal static class OnnxWriter
{
    // AttributeProto.AttributeType
    private const int FloatAttribute = 1;
    private const int IntAttribute = 2;
    private const int StringAttribute = 3;
    private const int IntsAttribute = 7;

    // ModelProto: 1 ir_version, 2 producer_name, 3 producer_version, 7 graph, 8 opset_import, 14 metadata_props
    internal static byte[] Write(
        OnnxGraph graph,
        IReadOnlyDictionary<string, string> metadata,
        (string Name, string Version) producer
    )
    {
        using var stream = new MemoryStream();
        using (var model = new ProtoWriter(stream))
        {
            model.Int(1, OnnxGraph.FormatVersion);
            model.Text(2, producer.Name);
            model.Text(3, producer.Version);
            model.Message(7, m => Graph(m, graph));
            // OperatorSetIdProto: 1 domain, 2 version; ONNX's own domain is the empty text.
            model.Message(8, m => m.Int(2, OnnxGraph.Opset));
            // StringStringEntryProto: 1 key, 2 value
            foreach (var (key, value) in metadata.OrderBy(p => p.Key, StringComparer.Ordinal))
                model.Message(
                    14,
                    m =>
                    {
                        m.Text(1, key);
                        m.Text(2, value);
                    }
                );
        }
        return stream.ToArray();
    }

    // GraphProto: 1 node, 2 name, 5 initializer, 11 input, 12 output
    private static void Graph(ProtoWriter writer, OnnxGraph graph)
    {
        foreach (var node in graph.Nodes)
            writer.Message(1, m => Node(m, node));
        writer.Text(2, "network");
        foreach (var constant in graph.Constants)
            writer.Message(5, m => Constant(m, constant));
        foreach (var input in graph.Inputs)
            writer.Message(11, m => Port(m, input));
        foreach (var output in graph.Outputs)
            writer.Message(12, m => Port(m, output));
    }

    // NodeProto: 1 input, 2 output, 3 name, 4 op_type, 5 attribute
    private static void Node(ProtoWriter writer, GraphNode node)
    {
        foreach (var input in node.Inputs)
            writer.Text(1, input);
        writer.Text(2, node.Output);
        writer.Text(3, node.Output);
        writer.Text(4, node.Operator);
        foreach (var (name, value) in node.Attributes)
            writer.Message(5, m => Attribute(m, name, value));
    }

    // AttributeProto: 1 name, 2 f, 3 i, 4 s, 8 ints, 20 type
    private static void Attribute(ProtoWriter writer, string name, object value)
    {
        writer.Text(1, name);
        switch (value)
        {
            case float number:
                writer.Float(2, number);
                writer.Int(20, FloatAttribute);
                break;
            case long number:
                writer.Int(3, number);
                writer.Int(20, IntAttribute);
                break;
            case string text:
                writer.Text(4, text);
                writer.Int(20, StringAttribute);
                break;
            case long[] several:
                foreach (var number in several)
                    writer.Int(8, number);
                writer.Int(20, IntsAttribute);
                break;
        }
    }

    // TensorProto: 1 dims, 2 data_type, 8 name, 9 raw_data
    private static void Constant(ProtoWriter writer, GraphConstant constant)
    {
        foreach (var size in constant.Shape)
            writer.Int(1, size);
        writer.Int(2, (int)constant.Type);
        writer.Text(8, constant.Name);
        writer.Bytes(9, constant.Data);
    }

    // ValueInfoProto: 1 name, 2 type; TypeProto: 1 tensor_type; Tensor: 1 elem_type, 2 shape; TensorShapeProto: 1 dim;
    // Dimension: 1 dim_value, 2 dim_param
    private static void Port(ProtoWriter writer, GraphPort port)
    {
        writer.Text(1, port.Name);
        writer.Message(
            2,
            type =>
                type.Message(
                    1,
                    tensor =>
                    {
                        tensor.Int(1, (int)port.Type);
                        tensor.Message(
                            2,
                            shape =>
                            {
                                foreach (var size in port.Shape)
                                    shape.Message(1, dimension => Dimension(dimension, size));
                            }
                        );
                    }
                )
        );
    }

    private static void Dimension(ProtoWriter writer, object size)
    {
        if (size is string name)
            writer.Text(2, name);
        else
            writer.Int(1, Convert.ToInt64(size, System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>The fields of one message.</summary>
    private sealed class ProtoWriter(Stream stream) : IDisposable
    {
        private readonly CodedOutputStream _output = new(stream, leaveOpen: true);

        internal void Int(int field, long value)
        {
            _output.WriteTag(field, WireFormat.WireType.Varint);
            _output.WriteInt64(value);
        }

        internal void Float(int field, float value)
        {
            _output.WriteTag(field, WireFormat.WireType.Fixed32);
            _output.WriteFloat(value);
        }

        internal void Text(int field, string value)
        {
            _output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            _output.WriteString(value);
        }

        internal void Bytes(int field, ReadOnlyMemory<byte> value)
        {
            _output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            _output.WriteBytes(UnsafeByteOperations.UnsafeWrap(value));
        }

        // A message begins with its length, so it is written apart first.
        internal void Message(int field, Action<ProtoWriter> write)
        {
            using var inner = new MemoryStream();
            using (var message = new ProtoWriter(inner))
                write(message);
            Bytes(field, inner.GetBuffer().AsMemory(0, (int)inner.Length));
        }

        public void Dispose() => _output.Dispose();
    }
}
