namespace KdPlugins.Torch.Weights;

/// <summary>
/// Safetensors split over several files beside a <c>model.safetensors.index.json</c>. All shards are opened and
/// checked at once; index and shards must name the same tensors.
/// </summary>
public sealed class ShardedSafeTensors : IWeightSource
{
    /// <summary>The usual name of an index.</summary>
    public const string IndexName = "model.safetensors.index.json";

    private readonly Dictionary<string, SafeTensorsFile> _shardOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, WeightEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<SafeTensorsFile> _shards = [];

    private ShardedSafeTensors(string origin) => Origin = origin;

    /// <inheritdoc/>
    public string Origin { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, WeightEntry> Entries => _entries;

    /// <summary>The opened shard files, in the order in which the index first names them.</summary>
    public IReadOnlyList<SafeTensorsFile> Shards => _shards;

    /// <summary>Opens an index and all its shards.</summary>
    /// <param name="indexPath">The index file; the shards lie beside it.</param>
    /// <exception cref="KdException">The index is not valid (KDP0513, KDP0520), points outside its folder (KDP0521),
    /// a shard is missing (KDP0522) or not valid (KDP0510 to KDP0518), or they disagree (KDP0523).</exception>
    public static ShardedSafeTensors Open(string indexPath)
    {
        Dictionary<string, string> map;
        using (ByteSource index = ByteSource.Open(indexPath))
        {
            int length = (int)Math.Min(index.Length, WeightLimits.MaxHeaderBytes + 1);
            map = SafeTensorsIndex.Parse(index.Span(0, length), indexPath);
        }
        var sharded = new ShardedSafeTensors(indexPath);
        try
        {
            sharded.OpenShards(map);
            return sharded;
        }
        catch
        {
            sharded.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Bytes(string name) => Shard(name).Bytes(name);

    /// <inheritdoc/>
    public void CopyTo(string name, long start, Span<byte> destination) => Shard(name).CopyTo(name, start, destination);

    /// <inheritdoc/>
    public void Dispose() => _shards.ForEach(static shard => shard.Dispose());

    private void OpenShards(Dictionary<string, string> map)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(Origin))!;
        var byFile = new Dictionary<string, SafeTensorsFile>(StringComparer.Ordinal);
        foreach (string file in map.Values)
        {
            if (byFile.ContainsKey(file))
            {
                continue;
            }
            string path = Path.Combine(folder, file);
            if (!File.Exists(path))
            {
                throw WeightFault.Of(
                    WeightErrors.ShardMissing,
                    Origin,
                    $"the shard {WeightFault.Quote(path)} is not there."
                );
            }
            var shard = SafeTensorsFile.Open(path);
            _shards.Add(shard);
            byFile.Add(file, shard);
        }
        Match(map, byFile);
    }

    private void Match(Dictionary<string, string> map, Dictionary<string, SafeTensorsFile> byFile)
    {
        foreach ((string tensor, string file) in map)
        {
            SafeTensorsFile shard = byFile[file];
            if (!shard.Entries.TryGetValue(tensor, out WeightEntry? entry))
            {
                throw Disagree(
                    $"{WeightFault.Quote(file)} does not hold {WeightFault.Quote(tensor)}, which the index places there."
                );
            }
            _shardOf.Add(tensor, shard);
            _entries.Add(tensor, entry with { Start = -1 });
        }
        foreach ((string file, SafeTensorsFile shard) in byFile)
        {
            string? stray = shard.Entries.Keys.FirstOrDefault(name =>
                !map.TryGetValue(name, out string? at) || at != file
            );
            if (stray is not null)
            {
                throw Disagree(
                    $"{WeightFault.Quote(file)} holds {WeightFault.Quote(stray)}, which the index does not place there."
                );
            }
        }
    }

    private KdException Disagree(string what) => WeightFault.Of(WeightErrors.ShardMismatch, Origin, what);

    private SafeTensorsFile Shard(string name) =>
        _shardOf.TryGetValue(name, out SafeTensorsFile? shard) ? shard : throw WeightFault.NotFound(this, name);
}
