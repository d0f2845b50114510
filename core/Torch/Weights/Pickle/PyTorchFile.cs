using KdPlugins.Torch.Weights.Pickle;

namespace KdPlugins.Torch.Weights;

/// <summary>How a PyTorch file is read.</summary>
public sealed record PyTorchOptions
{
    /// <summary>
    /// The part of the checkpoint that holds the weights, such as <c>state_dict</c> or <c>ema.model</c>; empty for the
    /// whole file. Default null: found by itself (see <see cref="PyTorchFile"/>).
    /// </summary>
    public string? Root { get; init; }

    /// <summary>
    /// Whether the CRC-32 of each entry is compared when it is first read. Default true. Turn it off only for files
    /// that were written without checksums (<c>torch.serialization.set_crc32_options(False)</c>).
    /// </summary>
    public bool VerifyChecksums { get; init; } = true;
}

/// <summary>
/// A state dict or checkpoint that torch.save wrote (<c>.pth</c>, <c>.pt</c>, <c>.bin</c>), in the zip format or the
/// one before it. The pickle inside is read by a table of some thirty operations and fourteen names; nothing that a
/// file says is ever executed, and anything outside the table is refused by name.
/// </summary>
/// <remarks>
/// <para>Tensors are named by the keys that lead to them, joined with dots, below the root. The root is found by itself:
/// the outermost dictionary that holds tensors directly; before that, the usual keys (state_dict, model_state_dict, model,
/// student, net, network, module, params, weights, and those of averages and teachers), or the only part that holds tensors. Where several unusual parts hold tensors, all are
/// named from the top. A file that is a single tensor gives the name <c>tensor</c>.</para>
/// <para>Views that share a storage are separate tensors here. All of a file's tensors may expand to at most eight times
/// the file. Damage to a storage is noticed when the storage is first read.</para>
/// </remarks>
public sealed class PyTorchFile : IWeightSource
{
    /// <summary>The name of a tensor that was saved alone.</summary>
    private const string BareName = "tensor";

    private readonly ByteSource _bytes;
    private readonly StorageTable _storages;
    private readonly Dictionary<string, TensorRef> _tensors;
    private readonly Lazy<Dictionary<string, object?>> _values;
    private readonly Dictionary<string, WeightEntry> _entries = new(StringComparer.Ordinal);

    private PyTorchFile(ByteSource bytes, string origin, PyTorchOptions options)
    {
        _bytes = bytes;
        Origin = origin;
        PickledState pickled = IsZip(bytes)
            ? ZipReader.Read(bytes, origin, options.VerifyChecksums)
            : ReadOther(bytes, origin);
        _storages = pickled.Storages;
        var walk = new TreeWalk(origin, pickled.PickleLength, pickled.Credit);
        var finder = new RootFinder(walk);
        (object? root, Root) =
            options.Root is null ? finder.Discover(pickled.Tree)
            : options.Root.Length == 0 ? (pickled.Tree, "")
            : (finder.Descend(pickled.Tree, options.Root), options.Root);
        OtherRoots = finder.Others;
        var tensors = new TensorCollector(walk, WeightLimits.TotalFor(bytes.Length));
        tensors.Collect(root, root is TensorRef ? BareName : "");
        _tensors = tensors.Table;
        if (_tensors.Count == 0)
        {
            throw walk.Fault(WeightErrors.NotAStateDict, $"there is no tensor under {WeightFault.Quote(Root)}.");
        }
        _values = new(() => ReadValues(pickled));
        foreach ((string name, TensorRef tensor) in _tensors)
        {
            long storage = _storages.FileStart(tensor.Storage);
            long start = storage < 0 || !tensor.IsContiguous ? -1 : storage + OffsetBytes(tensor);
            _entries.Add(name, new WeightEntry(name, tensor.Storage.DType, tensor.Shape, tensor.ByteLength, start));
        }
    }

    /// <inheritdoc/>
    public string Origin { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, WeightEntry> Entries => _entries;

    /// <summary>The dotted path of the part that the names start from; empty for the whole file.</summary>
    public string Root { get; }

    /// <summary>
    /// Where the root was found by itself: other parts of the checkpoint, by their usual names, that hold tensors too, such as
    /// <c>model_ema</c>. At most a few.
    /// </summary>
    public IReadOnlyList<string> OtherRoots { get; }

    /// <summary>
    /// The plain values of the whole file (epoch, learning rate, ...) by dotted name: null, bool, long, BigInteger,
    /// double or string, or a list of these (a list or tuple of nothing else). Other lists are named by position.
    /// </summary>
    /// <exception cref="KdException">The values are repeated without end (KDP0543), or two have one name (KDP0536).</exception>
    public IReadOnlyDictionary<string, object?> Values => _values.Value;

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="KdException">Not readable (KDP0500, KDP0501), or not valid or refused (KDP0530 to KDP0547).</exception>
    public static PyTorchFile Open(string path, PyTorchOptions? options = null)
    {
        ByteSource bytes = ByteSource.Open(path);
        try
        {
            return new PyTorchFile(bytes, path, options ?? new PyTorchOptions());
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
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="KdException">Not valid or refused (KDP0501, KDP0530 to KDP0547).</exception>
    public static PyTorchFile Parse(
        ReadOnlyMemory<byte> bytes,
        string origin = "<memory>",
        PyTorchOptions? options = null
    ) => new(new MemoryBytes(bytes), origin, options ?? new PyTorchOptions());

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        TensorRef tensor = Find(name);
        if (tensor.ByteLength > Array.MaxLength)
        {
            throw WeightFault.TooLarge(Origin, _entries[name]);
        }
        if (tensor.IsContiguous)
        {
            return tensor.ByteLength == 0
                ? []
                : _storages.Span(tensor.Storage, OffsetBytes(tensor), (int)tensor.ByteLength);
        }
        var gathered = new byte[tensor.ByteLength];
        StridedCopy.Gather(_storages, tensor, 0, gathered);
        return gathered;
    }

    /// <inheritdoc/>
    public void CopyTo(string name, long start, Span<byte> destination)
    {
        TensorRef tensor = Find(name);
        WeightFault.CheckRange(_entries[name], start, destination.Length);
        if (destination.IsEmpty)
        {
            return;
        }
        if (tensor.IsContiguous)
        {
            _storages.Span(tensor.Storage, OffsetBytes(tensor) + start, destination.Length).CopyTo(destination);
            return;
        }
        StridedCopy.Gather(_storages, tensor, start, destination);
    }

    /// <inheritdoc/>
    public void Dispose() => _bytes.Dispose();

    /// <summary>Whether the bytes start like a zip container.</summary>
    internal static bool IsZip(ByteSource bytes) => bytes.Length >= 4 && bytes.Span(0, 4).SequenceEqual("PK\x3\x4"u8);

    private Dictionary<string, object?> ReadValues(PickledState pickled)
    {
        var credit = new MemoryCredit(pickled.PickleLength);
        var values = new ValueCollector(new TreeWalk(Origin, pickled.PickleLength, credit));
        values.Collect(pickled.Tree, "");
        return values.Table;
    }

    private static PickledState ReadOther(ByteSource bytes, string origin)
    {
        const int tarMark = 257;
        if (bytes.Length >= 2 && bytes.Span(0, 2).SequenceEqual<byte>([0x80, 2]))
        {
            return LegacyReader.Read(bytes, origin);
        }
        bool tar = bytes.Length >= tarMark + 5 && bytes.Span(tarMark, 5).SequenceEqual("ustar"u8);
        throw tar
            ? WeightFault.Of(WeightErrors.LegacyFormat, origin, "it is a tar archive of PyTorch before 0.2.")
            : WeightFault.Of(
                WeightErrors.UnknownFormat,
                origin,
                "it is neither a zip container nor a pickle of torch.save."
            );
    }

    private static long OffsetBytes(TensorRef tensor) => tensor.Offset * (tensor.Storage.DType.BitSize() / 8);

    private TensorRef Find(string name) =>
        _tensors.TryGetValue(name, out TensorRef? tensor) ? tensor : throw WeightFault.NotFound(this, name);
}
