using static TorchSharp.torch;

namespace KdPlugins.Torch.Weights;

/// <summary>Why a file most likely does not fit, and what to write into a recipe (or LoadOptions) then.</summary>
internal static class LoadAdvice
{
    // Names are looked at a few times for each; a hostile file has a million, each with a beginning of its own.
    private const int MostBeginnings = 20;
    private const int LongestPart = 60;

    /// <summary>One sentence.</summary>
    public static string For(LoadReport report, Dictionary<string, Tensor> targets, IWeightSource source)
    {
        if (OtherClasses(report) is { } classes)
        {
            return classes;
        }
        string[] unexpected = [.. report.Unexpected];
        if (Below(unexpected, report, targets) is { } prefix)
        {
            return prefix;
        }
        if (Above(unexpected, report, targets) is { } above)
        {
            return above;
        }
        if (report.Loaded.Count == 0 && report.Mismatched.Count == 0)
        {
            return SameShapes(report, targets, source)
                ?? $"no name of the file is one of the network's (there {Some(report.Unexpected)}, here {Some(report.Missing)}): "
                    + "another architecture, or names that \"rename\" has to map.";
        }
        return report.Mismatched.Count > 0
            ? "another size or variant of the network: correct the options of its architecture; \"strict\": false takes what fits."
            : SameShapes(report, targets, source)
                ?? "file and network are not wholly the same: \"rename\" maps names, \"strict\": false takes what fits.";
    }

    private static string? OtherClasses(LoadReport report)
    {
        WeightMismatch[] heads = [.. report.Mismatched.Where(HeadRule.IsOtherHead)];
        bool isAll = heads.Length == report.Mismatched.Count && report.Missing.Count + report.Unexpected.Count == 0;
        return
            isAll
            && heads.Select(static m => (m.FileShape[0], m.ModuleShape[0])).Distinct().ToArray() is [var (file, here)]
            ? $"another number of classes ({file} in the file, {here} here): \"head\": \"replace\" loads the rest."
            : null;
    }

    private static string? Below(string[] names, LoadReport report, Dictionary<string, Tensor> targets)
    {
        var best = Beginnings(names)
            .Select(p => (Prefix: p, Fit: names.Count(n => Starts(n, p) && targets.ContainsKey(n[p.Length..]))))
            .DefaultIfEmpty()
            .MaxBy(static found => found.Fit);
        int all = best.Prefix is null ? 0 : names.Count(n => Starts(n, best.Prefix));
        return best.Fit > report.Loaded.Count
            ? $"{(all == names.Length ? "all names begin" : $"{all} of {names.Length} names begin")} with {WeightFault.Quote(best.Prefix!)}, and {best.Fit} fit "
                + $"without it: \"prefix\": \"{SafeText.Line(best.Prefix!)}\"."
            : null;
    }

    private static string? Above(string[] names, LoadReport report, Dictionary<string, Tensor> targets)
    {
        var best = Beginnings(report.Missing)
            .Select(p => (Prefix: p, Fit: names.Count(n => targets.ContainsKey(p + n))))
            .DefaultIfEmpty()
            .MaxBy(static found => found.Fit);
        return best.Fit > report.Loaded.Count
            ? $"the names of the file are the network's without {WeightFault.Quote(best.Prefix)}: \"rename\": {{ \"**\": \"{best.Prefix}**\" }}."
            : null;
    }

    /// <summary>As many tensors of each shape, under other names.</summary>
    private static string? SameShapes(LoadReport report, Dictionary<string, Tensor> targets, IWeightSource source)
    {
        HashSet<string> left = [.. report.Unexpected];
        HashSet<string> missing = [.. report.Missing];
        WeightEntry[] there = [.. source.Entries.Values.Where(entry => left.Contains(entry.Name))];
        if (there.Length == 0 || there.Length != missing.Count)
        {
            return null;
        }
        (string Name, string Shape)[] here =
        [
            .. missing.Select(name => (name, WeightFault.Shape(targets[name].shape))),
        ];
        string[] shapes = [.. there.Select(static entry => WeightFault.Shape(entry.Shape))];
        return shapes
            .Order(StringComparer.Ordinal)
            .SequenceEqual(here.Select(static h => h.Shape).Order(StringComparer.Ordinal))
            ? $"its tensors have the network's shapes under other names (such as {WeightFault.Quote(there[0].Name)} there, "
                + $"{WeightFault.Quote(here.First(h => h.Shape == shapes[0]).Name)} here): \"rename\" them."
            : null;
    }

    /// <summary>What names begin with: their first part, and their first two.</summary>
    private static string[] Beginnings(IEnumerable<string> names)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            int dot = name.IndexOf('.');
            if (dot is >= 0 and < LongestPart && found.Count < MostBeginnings)
            {
                found.Add(name[..(dot + 1)]);
                int second = name.IndexOf('.', dot + 1);
                if (second >= 0 && second - dot < LongestPart)
                {
                    found.Add(name[..(second + 1)]);
                }
            }
        }
        return [.. found];
    }

    private static bool Starts(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal);

    private static string Some(IReadOnlyList<string> names) =>
        names.Count == 0 ? "nothing" : $"{WeightFault.Quote(names[0])} ...";
}
