using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Weights;

/// <summary>
/// Weights in and out of modules, by the names of PyTorch's state_dict: parameters and persistent buffers
/// (num_batches_tracked included).
/// </summary>
public static class ModuleWeights
{
    private static readonly IReadOnlyDictionary<string, string> DefaultMetadata = new Dictionary<string, string>
    {
        ["format"] = "pt", // without it the Python libraries refuse to guess the framework
    };

    private const string Counter = ".num_batches_tracked";

    /// <summary>Copies the tensors of a file into a module, keeping its dtypes, devices and memory layouts.</summary>
    /// <param name="module">Takes the values.</param>
    /// <param name="source">The opened file.</param>
    /// <param name="options">Null for the defaults: strict, names as they are, floating point converted.</param>
    /// <returns>What was loaded, and what was not.</returns>
    /// <remarks>All tensors are read and checked before the first is changed, so that a failure leaves the module as it was;
    /// for a moment the weights are in memory twice.</remarks>
    /// <exception cref="KdException">Strict, and file and module differ (KDP0550, the likely cure first, then the differences);
    /// nothing begins with the prefix (KDP0546); two names of the file become one (KDP0552); NaN or infinity where refused (KDP0554); as <see cref="WeightTensors.ToTensor"/>.</exception>
    public static LoadReport Load(nn.Module module, IWeightSource source, LoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(source);
        options ??= new LoadOptions();
        Dictionary<string, Tensor> targets = State(module);
        WeightNames names = WeightNames.Of(source, targets.ContainsKey, options);
        LoadReport report = HeadRule.Apply(
            Compare(targets, names.Mapped, options.Conversion) with
            {
                Part = (source as PyTorchFile)?.Root ?? "",
                OtherParts = (source as PyTorchFile)?.OtherRoots ?? [],
                Cut = names.Cut,
                Elsewhere = names.Elsewhere,
            },
            targets,
            options.ReplaceHead
        );
        if (options.Strict && !report.IsComplete)
        {
            throw new KdException(
                WeightErrors.LoadMismatch,
                $"{WeightFault.Quote(source.Origin)}: {LoadAdvice.For(report, targets, source)}\n"
                    + $"  {report.Loaded.Count} tensors fit, {report.Missing.Count} are missing, {report.Unexpected.Count} left over, "
                    + $"{report.Mismatched.Count} do not fit:\n{report.Describe()}",
                "Nothing was loaded."
            );
        }
        Copy(targets, names.Mapped, source, report, options.RefuseNonFinite);
        return report;
    }

    /// <summary>Opens a file of any known format and loads it (see <see cref="WeightFile.Open"/>).</summary>
    /// <param name="module">Takes the values.</param>
    /// <param name="path">A weight file, an index of shards, or a folder with one.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <returns>What was loaded, and what was not.</returns>
    /// <exception cref="KdException">As both.</exception>
    public static LoadReport Load(nn.Module module, string path, LoadOptions? options = null)
    {
        using IWeightSource source = OpenPart(path, options?.Prefix);
        // The part that a prefix names whole is all of what was opened.
        bool isWhole = options?.Prefix is { } prefix && source is PyTorchFile file && file.Root == prefix.TrimEnd('.');
        return Load(module, source, isWhole ? options! with { Prefix = null } : options);
    }

    private static IWeightSource OpenPart(string path, string? prefix)
    {
        if (string.IsNullOrEmpty(prefix))
        {
            return WeightFile.Open(path);
        }
        try
        {
            return WeightFile.Open(path, new PyTorchOptions { Root = prefix.TrimEnd('.') });
        }
        catch (KdException e) when (e.Code == WeightErrors.RootNotFound || e.Code == WeightErrors.NotAStateDict)
        {
            return WeightFile.Open(path); // then names begin with it
        }
    }

    /// <summary>Writes a module as safetensors, atomically; the file may be open for reading, even by this module's own load.</summary>
    /// <param name="module">Gives its parameters and persistent buffers, under plain names.</param>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="metadata">Free text; null for <c>format: pt</c> alone.</param>
    /// <returns>Length and SHA-256 of the file.</returns>
    /// <exception cref="KdException">The file system refuses (KDP0560), or a tensor cannot be written (KDP0561).</exception>
    public static WrittenFile Save(nn.Module module, string path, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        return WeightTensors.Save(State(module), path, metadata ?? DefaultMetadata);
    }

    /// <summary>
    /// The tensors of a module under the names of PyTorch's state_dict: parameters and persistent buffers. Those that
    /// several modules share are there under each name, as in PyTorch (TorchSharp's Sequential names them once).
    /// </summary>
    /// <returns>The module's own tensors by name, not copies.</returns>
    public static Dictionary<string, Tensor> State(nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        var state = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        Collect(module, "", state);
        return state;
    }

    private static void Collect(nn.Module module, string prefix, Dictionary<string, Tensor> state)
    {
        foreach ((string name, Tensor tensor) in module.state_dict())
        {
            state.TryAdd(prefix + name, tensor);
        }
        foreach ((string name, nn.Module child) in module.named_children())
        {
            Collect(child, $"{prefix}{name}.", state);
        }
    }

    private static LoadReport Compare(
        Dictionary<string, Tensor> targets,
        IReadOnlyDictionary<string, WeightEntry> mapped,
        DTypeConversion conversion
    )
    {
        var loaded = new List<string>();
        var missing = new List<string>();
        var counters = new List<string>();
        var mismatched = new List<WeightMismatch>();
        var converted = new List<WeightConversion>();
        foreach ((string name, Tensor target) in targets.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            if (!mapped.TryGetValue(name, out WeightEntry? entry))
            {
                (name.EndsWith(Counter, StringComparison.Ordinal) ? counters : missing).Add(name);
                continue;
            }
            bool same = entry.DType.ToScalarType() == target.dtype;
            if (
                !entry.Shape.SequenceEqual(target.shape) || !(same || CanConvert(entry.DType, target.dtype, conversion))
            )
            {
                mismatched.Add(new(name, entry.Name, entry.Shape, entry.DType, target.shape, target.dtype));
                continue;
            }
            loaded.Add(name);
            if (!same)
            {
                converted.Add(new(name, entry.DType, target.dtype));
            }
        }
        var unexpected = mapped.Where(pair => !targets.ContainsKey(pair.Key)).Select(static pair => pair.Value.Name);
        return new(loaded, missing, [.. unexpected.Order(StringComparer.Ordinal)], mismatched, converted)
        {
            Counters = counters,
        };
    }

    private static bool CanConvert(WeightDType from, ScalarType to, DTypeConversion conversion) =>
        from.ToScalarType() is { } known
        && conversion switch
        {
            DTypeConversion.Any => true,
            DTypeConversion.Floating => is_floating_point(known) && is_floating_point(to),
            _ => false,
        };

    private static void Copy(
        Dictionary<string, Tensor> targets,
        IReadOnlyDictionary<string, WeightEntry> mapped,
        IWeightSource source,
        LoadReport report,
        bool refuseNonFinite
    )
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        var values = report
            .Loaded.Select(name => (Target: targets[name], Value: source.ToTensor(mapped[name].Name)))
            .ToList();
        if (refuseNonFinite)
        {
            CheckFinite(report.Loaded.Zip(values, static (name, pair) => (name, pair.Value)), targets, source.Origin);
        }
        foreach (var (target, value) in values)
        {
            target.copy_(value);
        }
    }

    private static void CheckFinite(
        IEnumerable<(string Name, Tensor Value)> tensors,
        Dictionary<string, Tensor> targets,
        string origin
    )
    {
        NonFiniteTensor[] bad =
        [
            .. NonFinite
                .In(tensors.Select(static t => KeyValuePair.Create(t.Name, t.Value)))
                // What the module itself makes so, such as a mask of -inf, is meant so.
                .Where(found => NonFinite.In([KeyValuePair.Create(found.Name, targets[found.Name])]).Count == 0),
        ];
        if (bad.Length > 0)
        {
            throw WeightFault.Of(
                WeightErrors.NonFinite,
                origin,
                $"NaN or infinity in {bad.Length} of its tensors: {NonFiniteTensor.Describe(bad)}. Nothing was loaded."
            );
        }
    }
}
