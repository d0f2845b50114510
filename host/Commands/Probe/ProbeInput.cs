using KdPlugins.Core;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>The tensors that a probe is given, by name. Remembers which were read, so that none is given in vain.</summary>
internal sealed class ProbeInput
{
    // Numbers about the run and draws, not values that are computed with: of any dtype.
    private static readonly string[] Facts = ["value.", "data.", "progress.", Draws];

    /// <summary>What the names of given draws begin with.</summary>
    internal const string Draws = "drawn.";

    private readonly SortedDictionary<string, Tensor> _tensors;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    private ProbeInput(string origin, Dictionary<string, Tensor> tensors)
    {
        Origin = origin;
        _tensors = new(tensors, StringComparer.Ordinal);
        DType = OneDType();
    }

    /// <summary>Reads a file, or nothing where none is named. Its tensors belong to the current dispose scope.</summary>
    /// <exception cref="KdException"><c>KDP05xx</c>: the file; <c>KDP0806</c>: floating-point tensors of several dtypes.</exception>
    internal static ProbeInput Read(string? path)
    {
        if (path is null)
            return new("The input", []);
        using var source = WeightFile.Open(path);
        return new(path, source.ToTensors());
    }

    /// <summary>The file.</summary>
    internal string Origin { get; }

    /// <summary>The dtype of all floating-point values, and so of the computation; Float32 where there are none.</summary>
    internal ScalarType DType { get; }

    /// <summary>The names that are there, in ordinal order.</summary>
    internal IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>A tensor, or null; not counted as read.</summary>
    internal Tensor? Peek(string name) => _tensors.GetValueOrDefault(name);

    /// <summary>A tensor, or null.</summary>
    internal Tensor? Find(string name)
    {
        MarkRead(name);
        return Peek(name);
    }

    /// <summary>A tensor that has to be there.</summary>
    /// <exception cref="KdException"><c>KDP0806</c></exception>
    internal Tensor Need(string name, string why) =>
        Find(name) ?? throw ProbeFault.Input($"{Origin} has no tensor '{name}': {why}");

    /// <summary>A number of one element, or the fallback.</summary>
    /// <exception cref="KdException"><c>KDP0806</c>: it has several elements.</exception>
    internal double Number(string name, double fallback)
    {
        if (Find(name) is not { } found)
            return fallback;
        return found.numel() == 1
            ? found.to(ScalarType.Float64).item<double>()
            : throw ProbeFault.Input($"'{name}' is {TensorText.Describe(found)}; expected one number.");
    }

    /// <summary>The names below a prefix, without it.</summary>
    internal IReadOnlyList<string> Below(string prefix) =>
        [.. _tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => n[prefix.Length..])];

    /// <summary>Counts names as read.</summary>
    internal void MarkRead(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            _read.Add(name);
    }

    /// <summary>Refuses tensors that nobody has read.</summary>
    /// <param name="asker">Who was probed.</param>
    /// <param name="known">Names that it would have read, for suggestions.</param>
    /// <exception cref="KdException"><c>KDP0807</c></exception>
    internal void RequireAllRead(string asker, IEnumerable<string> known)
    {
        var names = _read.Concat(known).Distinct().Order(StringComparer.Ordinal).ToList();
        var unread = _tensors.Keys.Where(n => !_read.Contains(n)).ToList();
        if (unread.Count == 0)
            return;
        var each = unread.Select(n => $"'{n}' {TensorText.Describe(_tensors[n])}. {Nearest.Ask(n, names)}".TrimEnd());
        throw ProbeFault.Unread(
            $"{Origin} has {unread.Count} tensor{(unread.Count == 1 ? "" : "s")} that {asker} does not read: "
                + string.Join(" ", each)
        );
    }

    private ScalarType OneDType()
    {
        var floats = _tensors
            .Where(t => t.Value.is_floating_point() && !Facts.Any(f => t.Key.StartsWith(f, StringComparison.Ordinal)))
            .GroupBy(t => t.Value.dtype)
            .OrderBy(g => g.Key)
            .ToList();
        return floats.Count switch
        {
            0 => ScalarType.Float32,
            1 => floats[0].Key,
            _ => throw ProbeFault.Input(
                $"{Origin} mixes dtypes: {string.Join(", ", floats.Select(g => $"'{g.First().Key}' is {g.Key}"))}; "
                    + "one probe computes in one."
            ),
        };
    }
}
