using System.Buffers.Binary;
using System.Runtime.InteropServices;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Reports.Images;

/// <summary>Images [N, C, H, W] and what belongs to each, in a file of tensors; read one by one.</summary>
internal sealed class ImageTensor
{
    // Larger ones are no pictures to look at.
    private const long MostBytes = 256L << 20;

    private readonly SafeTensorsFile _file;
    private readonly WeightEntry _entry;

    private ImageTensor(SafeTensorsFile file, WeightEntry entry) => (_file, _entry) = (file, entry);

    internal int Count => (int)Math.Min(int.MaxValue, _entry.Shape[0]);

    internal int Channels => (int)_entry.Shape[1];

    internal int Height => (int)_entry.Shape[2];

    internal int Width => (int)_entry.Shape[3];

    /// <summary>The images of a name; null with a reason where it holds none that can be shown.</summary>
    internal static ImageTensor? Find(SafeTensorsFile file, string name, out string problem)
    {
        problem = "";
        if (!file.Entries.TryGetValue(name, out var entry))
            problem = $"there is no tensor '{name}'";
        else if (entry.Shape.Count != 4 || entry.Shape.Any(d => d < 1))
            problem = $"'{name}' is {TensorText.Shape([.. entry.Shape])}, expected [N, C, H, W]";
        else if (entry.DType is not (WeightDType.U8 or WeightDType.F32 or WeightDType.F64))
            problem = $"'{name}' is {entry.DType}, expected uint8 or float";
        else if (entry.ByteLength / entry.Shape[0] > MostBytes)
            problem = $"an image of '{name}' has {entry.ByteLength / entry.Shape[0]} bytes, more than can be shown";
        else
            return new(file, entry);
        return null;
    }

    /// <summary>
    /// An image: the first three channels as red, green, blue, or the first as brightness. Floats are in [0, 1] and
    /// clipped to it; NaN is black.
    /// </summary>
    internal Raster Image(int index)
    {
        var size = checked((int)(_entry.ByteLength / _entry.Shape[0]));
        var bytes = new byte[size];
        _file.CopyTo(_entry.Name, (long)index * size, bytes);
        var raster = new Raster(Width, Height);
        var area = Width * Height;
        for (var p = 0; p < area; p++)
        for (var channel = 0; channel < 4; channel++)
        {
            var from = Channels >= 3 ? channel : 0;
            raster.Pixels[4 * p + channel] = channel == 3 ? (byte)255 : Level(bytes, from * area + p);
        }
        return raster;
    }

    /// <summary>Whole numbers, one per image; empty where the tensor is not that.</summary>
    internal static IReadOnlyList<long> Labels(SafeTensorsFile file, string name)
    {
        if (
            !file.Entries.TryGetValue(name, out var entry)
            || entry.DType != WeightDType.I64
            || entry.Shape.Count != 1
            || entry.ByteLength > MostBytes
        )
            return [];
        return MemoryMarshal.Cast<byte, long>(file.Bytes(name)).ToArray();
    }

    /// <summary>A row of values per image; empty where the tensor is not that.</summary>
    internal static IReadOnlyList<float[]> Soft(SafeTensorsFile file, string name)
    {
        if (
            !file.Entries.TryGetValue(name, out var entry)
            || entry.DType != WeightDType.F32
            || entry.Shape.Count != 2
            || entry.Shape[1] < 1
            || entry.ByteLength > MostBytes
        )
            return [];
        var values = MemoryMarshal.Cast<byte, float>(file.Bytes(name)).ToArray();
        return [.. values.Chunk((int)entry.Shape[1])];
    }

    private byte Level(byte[] bytes, int index)
    {
        if (_entry.DType == WeightDType.U8)
            return bytes[index];
        var value =
            _entry.DType == WeightDType.F32
                ? BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(4 * index))
                : BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(8 * index));
        return double.IsNaN(value) ? (byte)0 : (byte)Math.Round(255 * Math.Clamp(value, 0, 1));
    }
}
