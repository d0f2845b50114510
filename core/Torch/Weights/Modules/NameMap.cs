using System.Text.RegularExpressions;

namespace KdPlugins.Torch.Weights;

/// <summary>
/// Rules that turn the names of a file into the names of a module, applied one after the other. Immutable: each method
/// returns a longer map.
/// </summary>
public sealed class NameMap
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<Func<string, string>> _rules;

    private NameMap(IReadOnlyList<Func<string, string>> rules) => _rules = rules;

    /// <summary>No rules: every name stays.</summary>
    public static NameMap Identity { get; } = new([]);

    /// <summary>Cuts a prefix, such as the <c>module.</c> of DataParallel, from the names that have it.</summary>
    public NameMap StripPrefix(string prefix)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return With(name => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name);
    }

    /// <summary>Renames one tensor.</summary>
    /// <param name="from">The whole name, after the rules before this one.</param>
    /// <param name="to">The new name.</param>
    public NameMap Rename(string from, string to)
    {
        ArgumentException.ThrowIfNullOrEmpty(from);
        ArgumentException.ThrowIfNullOrEmpty(to);
        return With(name => name == from ? to : name);
    }

    /// <summary>Replaces every match of a regular expression.</summary>
    /// <param name="pattern">A .NET regular expression; case matters.</param>
    /// <param name="replacement">The new text; <c>$1</c> is the first group.</param>
    /// <exception cref="KdException">The pattern is not valid (KDP0553).</exception>
    public NameMap Replace(string pattern, string replacement)
    {
        ArgumentNullException.ThrowIfNull(replacement);
        try
        {
            var regex = new Regex(pattern, RegexOptions.CultureInvariant, Patience);
            return With(name => regex.Replace(name, replacement));
        }
        catch (ArgumentException e)
        {
            throw new KdException(
                WeightErrors.NameRuleInvalid,
                $"The pattern {WeightFault.Quote(pattern)} is no regular expression: {e.Message}.",
                inner: e
            );
        }
    }

    /// <summary>
    /// Replaces the beginnings of names, part by part: a part stands between dots, <c>*</c> stands for any text within one part,
    /// <c>**</c> for any parts, and each comes back where the other side has its star, in order. <c>layers.*.attn</c> to
    /// <c>blocks.*.attention</c> makes <c>blocks.3.attention.weight</c> of <c>layers.3.attn.weight</c>. One rule at most changes a
    /// name: the one with the most letters beside its stars.
    /// </summary>
    /// <param name="rules">From what to what; an empty text on the right cuts the beginning.</param>
    /// <exception cref="KdException">The two sides of a rule have not the same stars (KDP0553).</exception>
    public NameMap RenameParts(IReadOnlyDictionary<string, string> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        PartRule[] ordered =
        [
            .. rules
                .Select(static rule => PartRule.Of(rule.Key, rule.Value))
                .OrderByDescending(static rule => rule.Letters)
                .ThenBy(static rule => rule.From, StringComparer.Ordinal),
        ];
        return ordered.Length == 0
            ? this
            : With(name =>
                ordered.Select(rule => rule.Apply(name)).FirstOrDefault(static made => made is not null) ?? name
            );
    }

    /// <summary>The name in the module.</summary>
    /// <exception cref="KdException">A pattern takes more than a second on the name (KDP0553).</exception>
    public string Apply(string name)
    {
        try
        {
            return _rules.Aggregate(name, static (current, rule) => rule(current));
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new KdException(
                WeightErrors.NameRuleInvalid,
                $"The pattern {WeightFault.Quote(e.Pattern)} takes more than {Patience.TotalSeconds} s on the name {WeightFault.Quote(name)}.",
                inner: e
            );
        }
    }

    private NameMap With(Func<string, string> rule) => new([.. _rules, rule]);
}
