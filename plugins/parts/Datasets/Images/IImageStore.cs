using KdPlugins.Core;
using KdPlugins.Torch;
using SkiaSharp;

namespace KdPlugins.Datasets;

/// <summary>Encoded images by number, to be read from any thread.</summary>
internal interface IImageStore
{
    /// <summary>How many.</summary>
    int Count { get; }

    /// <summary>What messages call an image.</summary>
    string NameOf(int index);

    /// <summary>The image's bytes as they are stored; of <see cref="LengthOf"/> or fewer that a caller disposes.</summary>
    /// <exception cref="KdException"><c>KDP0401</c>, <c>KDP0406</c>, <c>KDP0411</c>.</exception>
    SKData Load(int index);

    /// <summary>The number of its bytes, without reading them.</summary>
    long LengthOf(int index);

    /// <summary>The first of its bytes, as many as fit.</summary>
    int Peek(int index, Span<byte> bytes);
}

/// <summary>Image files.</summary>
internal sealed class FileStore(IReadOnlyList<string> paths) : IImageStore
{
    // No camera's file is larger; what is, is no image.
    internal const long LargestImage = 512L << 20;

    public int Count => paths.Count;

    public IReadOnlyList<string> Paths => paths;

    public string NameOf(int index) => paths[index];

    public SKData Load(int index)
    {
        using var stream = DataFile.Open(paths[index]);
        CheckLength(paths[index], stream.Length);
        return SKData.Create(stream);
    }

    public long LengthOf(int index) => new FileInfo(paths[index]) is { Exists: true } file ? file.Length : 0;

    public int Peek(int index, Span<byte> bytes)
    {
        using var stream = DataFile.Open(paths[index]);
        return stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
    }

    internal static void CheckLength(string name, long length)
    {
        if (length > LargestImage)
            throw new KdException(
                DataErrors.TooLarge,
                $"'{name}' has {length} bytes, more than the {LargestImage} of the largest image file.",
                "Remove the file, or make it smaller."
            );
    }
}

/// <summary>Images within larger files: so many bytes from so far on.</summary>
internal sealed class RangeStore(IReadOnlyList<ImageRange> ranges) : IImageStore
{
    public int Count => ranges.Count;

    public string NameOf(int index) => $"{ranges[index].File}:{ranges[index].Name}";

    public long LengthOf(int index) => ranges[index].Length;

    public SKData Load(int index)
    {
        FileStore.CheckLength(NameOf(index), ranges[index].Length);
        var bytes = new byte[ranges[index].Length];
        return Peek(index, bytes) == bytes.Length
            ? SKData.CreateCopy(bytes)
            : throw new KdException(DataErrors.DamagedFile, $"'{NameOf(index)}' reaches past the end of its file.");
    }

    public int Peek(int index, Span<byte> bytes)
    {
        var range = ranges[index];
        using var stream = DataFile.Open(range.File);
        stream.Position = range.Start;
        var part = bytes[..(int)Math.Min(bytes.Length, range.Length)];
        return stream.ReadAtLeast(part, part.Length, throwOnEndOfStream: false);
    }
}

/// <summary>Where an image lies in a larger file.</summary>
internal readonly record struct ImageRange(string File, string Name, long Start, long Length);

/// <summary>Images that lie encoded in memory.</summary>
internal sealed class MemoryStore(IReadOnlyList<ReadOnlyMemory<byte>> images, Func<int, string> name) : IImageStore
{
    public int Count => images.Count;

    public string NameOf(int index) => name(index);

    public long LengthOf(int index) => images[index].Length;

    public SKData Load(int index) => SKData.CreateCopy(images[index].Span);

    public int Peek(int index, Span<byte> bytes)
    {
        var part = images[index].Span[..Math.Min(bytes.Length, images[index].Length)];
        part.CopyTo(bytes);
        return part.Length;
    }
}
