using System.Text;
using System.Text.RegularExpressions;

namespace KdPlugins.Torch.Weights;

/// <summary>A rule of <see cref="NameMap.RenameParts"/>.</summary>
internal sealed class PartRule
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private const int Longest = 500;

    private readonly Regex _pattern;
    private readonly string[] _between;

    private PartRule(string from, int letters, Regex pattern, string[] between) =>
        (From, Letters, _pattern, _between) = (from, letters, pattern, between);

    public string From { get; }

    /// <summary>Characters beside the stars.</summary>
    public int Letters { get; }

    public static PartRule Of(string from, string to)
    {
        if (from.Length is 0 or > Longest || to.Length > Longest)
        {
            throw new KdException(
                WeightErrors.NameRuleInvalid,
                $"The rule {WeightFault.Quote(from)} has sides of {from.Length} and {to.Length} characters; 1 to {Longest} can be used."
            );
        }
        string[] taken = Stars(from);
        if (!taken.SequenceEqual(Stars(to)))
        {
            throw new KdException(
                WeightErrors.NameRuleInvalid,
                $"The rule {WeightFault.Quote(from)} to {WeightFault.Quote(to)} has not the same stars on both sides."
            );
        }
        var pattern = new StringBuilder("^");
        int at = 0;
        foreach (string star in taken)
        {
            int next = from.IndexOf('*', at);
            pattern.Append(Regex.Escape(from[at..next])).Append(star.Length == 2 ? "(.+?)" : "([^.]*)");
            at = next + star.Length;
        }
        // A beginning ends where a part does.
        pattern
            .Append(Regex.Escape(from[at..].TrimEnd('.')))
            .Append(from.EndsWith("**", StringComparison.Ordinal) ? "$" : @"(?=\.|$)");
        var regex = new Regex(pattern.ToString(), RegexOptions.CultureInvariant, Patience);
        string[] between = Regex.Split(to.TrimEnd('.'), @"\*{1,2}");
        return new(from, from.Length - taken.Sum(static star => star.Length), regex, between);
    }

    /// <summary>The new name; null where the rule does not match.</summary>
    public string? Apply(string name)
    {
        Match match = _pattern.Match(name);
        if (!match.Success)
        {
            return null;
        }
        var made = new StringBuilder(_between[0]);
        for (int i = 1; i < _between.Length; i++)
        {
            made.Append(match.Groups[i].Value).Append(_between[i]);
        }
        string rest = name[match.Length..];
        return made.Length == 0 ? rest.TrimStart('.') : made.Append(rest).ToString();
    }

    private static string[] Stars(string text) => [.. Regex.Matches(text, @"\*{1,2}").Select(static m => m.Value)];
}
