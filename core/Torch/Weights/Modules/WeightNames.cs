namespace KdPlugins.Torch.Weights;

/// <summary>Which tensors of a file are meant, under their names in the module.</summary>
/// <param name="Mapped">By name in the module.</param>
/// <param name="Cut">What was cut from the beginning of the names.</param>
/// <param name="Elsewhere">How many tensors were not looked at.</param>
internal sealed record WeightNames(IReadOnlyDictionary<string, WeightEntry> Mapped, string Cut, int Elsewhere)
{
    // Real wrappers are two or three deep; a file could have names of a million parts.
    private const int DeepestWrapper = 8;

    // AveragedModel of torch.optim.swa_utils counts beside the module that it wraps.
    private const string AverageCounter = "n_averaged";

    /// <param name="source">The file.</param>
    /// <param name="isKnown">Whether the module has a tensor of a name.</param>
    /// <param name="options">Prefix, rules, and whether to look for wrappers.</param>
    public static WeightNames Of(IWeightSource source, Predicate<string> isKnown, LoadOptions options)
    {
        string[] all = [.. source.Entries.Keys];
        string prefix = Given(source, all, options.Prefix);
        string[] meant = [.. all.Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && name != prefix)];
        string cut = options.Unwrap ? Unwrap(meant, prefix, isKnown, options.Names) : prefix;
        var mapped = new Dictionary<string, WeightEntry>(StringComparer.Ordinal);
        foreach (string name in meant.Where(name => name.StartsWith(cut, StringComparison.Ordinal)))
        {
            WeightEntry entry = source.Entries[name];
            string target = options.Names.Apply(name[cut.Length..]);
            if (!mapped.TryAdd(target, entry))
            {
                throw WeightFault.Of(
                    WeightErrors.NameCollision,
                    source.Origin,
                    $"{WeightFault.Quote(mapped[target].Name)} and {WeightFault.Quote(name)} both become {WeightFault.Quote(target)}."
                );
            }
        }
        return new(mapped, cut, all.Length - mapped.Count);
    }

    /// <summary>The prefix that was asked for, as the names have it.</summary>
    private static string Given(IWeightSource source, string[] names, string? asked)
    {
        if (string.IsNullOrEmpty(asked))
        {
            return "";
        }
        string prefix = asked.TrimEnd('.') + ".";
        string inPart = source is PyTorchFile { Root: { Length: > 0 } root } ? root + "." : "";
        string[] tried =
            inPart.Length > 0 && prefix.StartsWith(inPart, StringComparison.Ordinal)
                ? [prefix, prefix[inPart.Length..]]
                : [prefix];
        return tried.FirstOrDefault(p => names.Any(name => name.StartsWith(p, StringComparison.Ordinal)))
            ?? throw new KdException(
                WeightErrors.RootNotFound,
                $"{WeightFault.Quote(source.Origin)}: no name begins with {WeightFault.Quote(prefix)}; they begin with "
                    + $"{string.Join(", ", names.Select(First).Distinct().Take(10).Select(WeightFault.Quote))}.",
                "Name one of these as the prefix, or leave it out."
            );
    }

    /// <summary>The longest common beginning without which more names fit.</summary>
    private static string Unwrap(string[] names, string from, Predicate<string> isKnown, NameMap rules)
    {
        int Fitting(string cut) =>
            names.Count(name =>
                name.StartsWith(cut, StringComparison.Ordinal) && isKnown(rules.Apply(name[cut.Length..]))
            );

        (string best, int most) = (from, Fitting(from));
        string cut = from;
        for (int depth = 0; depth < DeepestWrapper && Wrapper(names, cut) is { } wrapper; depth++)
        {
            cut = wrapper;
            int fitting = Fitting(cut);
            if (fitting > most)
            {
                (best, most) = (cut, fitting);
            }
        }
        return best;
    }

    /// <summary>The common beginning with one part more; null where the names differ in it, or end.</summary>
    private static string? Wrapper(string[] names, string cut)
    {
        string? wrapper = null;
        foreach (string name in names.Where(name => name.StartsWith(cut, StringComparison.Ordinal)))
        {
            if (name == cut + AverageCounter)
            {
                continue;
            }
            int dot = name.IndexOf('.', cut.Length);
            if (dot < 0)
            {
                return null;
            }
            wrapper ??= name[..(dot + 1)];
            if (!name.StartsWith(wrapper, StringComparison.Ordinal))
            {
                return null;
            }
        }
        return wrapper;
    }

    /// <summary>The first part of a name with its dot; all of it where it has but one.</summary>
    internal static string First(string name) => name.IndexOf('.') is >= 0 and var dot ? name[..(dot + 1)] : name;
}
