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
    /// <summary>Whether file and module have the same tensors.</summary>
    public bool IsComplete => Missing.Count == 0 && Unexpected.Count == 0 && Mismatched.Count == 0;

    // A file may have a million names that nobody asked for.
    private const int MostDescribed = 100;

    /// <summary>The differences, one per line, of each kind the first hundred; empty where there are none.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        Append(text, Missing, "missing", static name => WeightFault.Quote(name));
        Append(text, Unexpected, "unexpected", static name => WeightFault.Quote(name));
        Append(text, Mismatched, "mismatched", Describe);
        return text.ToString();
    }

    private static void Append<T>(StringBuilder text, IReadOnlyList<T> all, string kind, Func<T, string> describe)
    {
        foreach (T one in all.Take(MostDescribed))
        {
            text.AppendLine($"  {kind}: {describe(one)}");
        }
        if (all.Count > MostDescribed)
        {
            text.AppendLine($"  {kind}: {all.Count - MostDescribed} more");
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
