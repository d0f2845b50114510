using System.Text;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Weights;

/// <summary>A tensor whose shape or dtype in the file does not fit the module.</summary>
/// <param name="Name">The name in the module.</param>
/// <param name="FileName">The name in the file.</param>
/// <param name="FileShape">Dimensions in the file.</param>
/// <param name="FileDType">Element type in the file.</param>
/// <param name="ModuleShape">Dimensions in the module.</param>
/// <param name="ModuleDType">Element type in the module.</param>
public sealed record WeightMismatch(
    string Name,
    string FileName,
    IReadOnlyList<long> FileShape,
    WeightDType FileDType,
    IReadOnlyList<long> ModuleShape,
    ScalarType ModuleDType
);

/// <summary>A tensor whose values were converted to the module's dtype.</summary>
/// <param name="Name">The name in the module.</param>
/// <param name="From">Element type in the file.</param>
/// <param name="To">Element type in the module.</param>
public sealed record WeightConversion(string Name, WeightDType From, ScalarType To);

/// <summary>What came of loading a file into a module. All names are sorted, and are those of the module if not said otherwise.</summary>
/// <param name="Loaded">Tensors that now hold the values of the file.</param>
/// <param name="Missing">Tensors of the module that the file does not have.</param>
/// <param name="Unexpected">Names of the file (unmapped) that the module does not have.</param>
/// <param name="Mismatched">Tensors that do not fit; left as they were.</param>
/// <param name="Converted">Loaded tensors whose values were converted.</param>
public sealed record LoadReport(
    IReadOnlyList<string> Loaded,
    IReadOnlyList<string> Missing,
    IReadOnlyList<string> Unexpected,
    IReadOnlyList<WeightMismatch> Mismatched,
    IReadOnlyList<WeightConversion> Converted
)
{
    /// <summary>The part of a PyTorch checkpoint that the names are taken from, such as <c>state_dict</c>; empty for all of it.</summary>
    public string Part { get; init; } = "";

    /// <summary>Other parts of the checkpoint that hold weights, such as <c>model_ema</c>.</summary>
    public IReadOnlyList<string> OtherParts { get; init; } = [];

    /// <summary>What was cut from the beginning of the names; empty for nothing.</summary>
    public string Cut { get; init; } = "";

    /// <summary>How many tensors of the file were not looked at: those outside a prefix that was asked for, and counters of averages.</summary>
    public int Elsewhere { get; init; }

    /// <summary>Tensors of the head that keep what they held, for another number of classes or where the file has none.</summary>
    public IReadOnlyList<string> Replaced { get; init; } = [];

    /// <summary>The classes of the file's head where it was replaced; 0 where the file has none.</summary>
    public long FileClasses { get; init; }

    /// <summary>The batch norms' counters (num_batches_tracked) that the file lacks, as those before PyTorch 0.4.1 do. They keep what
    /// they held; nothing computed depends on them.</summary>
    public IReadOnlyList<string> Counters { get; init; } = [];

    /// <summary>Whether file and module have the same tensors, but for a replaced head and counters.</summary>
    public bool IsComplete => Missing.Count == 0 && Unexpected.Count == 0 && Mismatched.Count == 0;

    // A file may have a million names that nobody asked for.
    private const int MostNames = 10;
    private const int MostShapes = 4;

    /// <summary>
    /// The differences in seven lines at most: the first ten names that are missing, the first ten that are left over, and of what
    /// does not fit the first four with both shapes. Empty where there are none.
    /// </summary>
    public string Describe()
    {
        var text = new StringBuilder();
        AppendNames(text, Missing, "missing");
        AppendNames(text, Unexpected, "left over");
        foreach (WeightMismatch one in Mismatched.Take(MostShapes))
        {
            text.Append("  does not fit: ").Append(Describe(one)).Append('\n');
        }
        if (Mismatched.Count > MostShapes)
        {
            text.Append($"  does not fit: {Mismatched.Count - MostShapes} more\n");
        }
        return text.ToString();
    }

    private static void AppendNames(StringBuilder text, IReadOnlyList<string> all, string kind)
    {
        if (all.Count > 0)
        {
            string more = all.Count > MostNames ? $" and {all.Count - MostNames} more" : "";
            text.Append($"  {kind}: {string.Join(", ", all.Take(MostNames).Select(WeightFault.Quote))}{more}\n");
        }
    }

    private static string Describe(WeightMismatch tensor)
    {
        string renamed = tensor.Name == tensor.FileName ? "" : $" (in the file {WeightFault.Quote(tensor.FileName)})";
        return $"{WeightFault.Quote(tensor.Name)}{renamed}: "
            + $"file {tensor.FileDType.FormatName()} {WeightFault.Shape(tensor.FileShape)}, "
            + $"module {tensor.ModuleDType} {WeightFault.Shape(tensor.ModuleShape)}";
    }
}
