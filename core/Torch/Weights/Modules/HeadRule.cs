using static TorchSharp.torch;

namespace KdPlugins.Torch.Weights;

/// <summary>Which tensors are the head, where it may be another than the file's.</summary>
internal static class HeadRule
{
    /// <summary>The report with the head's tensors among the replaced ones, not the missing and mismatched.</summary>
    /// <param name="report">What was compared.</param>
    /// <param name="targets">The module's tensors.</param>
    /// <param name="classes">The network's; 0 where nothing may be replaced.</param>
    public static LoadReport Apply(LoadReport report, Dictionary<string, Tensor> targets, long classes)
    {
        if (classes <= 0)
        {
            return report;
        }
        WeightMismatch[] other = [.. report.Mismatched.Where(m => IsOtherHead(m) && m.ModuleShape[0] == classes)];
        // Two numbers of classes cannot both be the file's: then something else differs, and it is said.
        if (other.Select(static m => m.FileShape[0]).Distinct().Count() > 1)
        {
            return report;
        }
        string[] absent = [.. report.Missing.Where(name => targets[name].shape is [var first, ..] && first == classes)];
        // Without a head of its own in the file, one layer may be new.
        if (other.Length > 0 || absent.Length != report.Missing.Count || absent.Select(Layer).Distinct().Count() != 1)
        {
            absent = [];
        }
        HashSet<string> replaced = [.. other.Select(static m => m.Name), .. absent];
        return report with
        {
            Missing = [.. report.Missing.Where(name => !replaced.Contains(name))],
            Mismatched = [.. report.Mismatched.Where(m => !replaced.Contains(m.Name))],
            Replaced = [.. replaced.Order(StringComparer.Ordinal)],
            FileClasses = other.Length > 0 ? other[0].FileShape[0] : 0,
        };
    }

    /// <summary>Whether only the first dimension differs.</summary>
    internal static bool IsOtherHead(WeightMismatch m) =>
        m.FileShape.Count == m.ModuleShape.Count
        && m.FileShape.Count > 0
        && m.FileShape[0] != m.ModuleShape[0]
        && m.FileShape.Skip(1).SequenceEqual(m.ModuleShape.Skip(1));

    private static string Layer(string name) => name.LastIndexOf('.') is >= 0 and var dot ? name[..dot] : "";
}
