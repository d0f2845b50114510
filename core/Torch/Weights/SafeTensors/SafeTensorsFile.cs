namespace KdPlugins.Torch.Weights;

/// <summary>
/// A safetensors file, mapped into memory and fully checked when it is opened: the header, all shapes, and that the
/// tensors fill the file without gap or overlap. Reading executes nothing and copies nothing.
/// </summary>
/// <remarks>
/// The file must not be cut while it is open. Replacing it by a rename, as every save here does, is safe: the
/// opened file keeps showing the old bytes.
/// </remarks>
public sealed class SafeTensorsFile : IWeightSource
{
    private readonly ByteSource _bytes;

    private SafeTensorsFile(ByteSource bytes, string origin)
    {
        _bytes = bytes;
        Origin = origin;
        SafeTensorsHeader header = SafeTensorsHeader.Read(bytes, origin);
        Entries = header.Entries;
        Metadata = header.Metadata;
    }

    /// <inheritdoc/>
    public string Origin { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, WeightEntry> Entries { get; }

    /// <summary>The free text of the file (<c>__metadata__</c>); empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="KdException">Not readable (KDP0500), or not valid (KDP0510 to KDP0518).</exception>
    public static SafeTensorsFile Open(string path)
    {
        ByteSource bytes = ByteSource.Open(path);
        try
        {
            return new SafeTensorsFile(bytes, path);
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    /// <summary>Checks a file that is in memory. The bytes must not change while it is in use.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="origin">Where it came from, for messages.</param>
    /// <exception cref="KdException">Not valid (KDP0510 to KDP0518).</exception>
    public static SafeTensorsFile Parse(ReadOnlyMemory<byte> bytes, string origin = "<memory>") =>
        new(new MemoryBytes(bytes), origin);

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        WeightEntry entry = Find(name);
        return entry.ByteLength <= int.MaxValue
            ? _bytes.Span(entry.Start, (int)entry.ByteLength)
            : throw WeightFault.TooLarge(Origin, entry);
    }

    /// <inheritdoc/>
    public void CopyTo(string name, long start, Span<byte> destination)
    {
        WeightEntry entry = Find(name);
        WeightFault.CheckRange(entry, start, destination.Length);
        _bytes.Span(entry.Start + start, destination.Length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public void Dispose() => _bytes.Dispose();

    private WeightEntry Find(string name) =>
        Entries.TryGetValue(name, out WeightEntry? entry) ? entry : throw WeightFault.NotFound(this, name);
}
