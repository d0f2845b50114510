using System.Text.Json;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.GoodDaKd;

/// <summary>
/// Candidates as people write them: ids, sections as in a recipe, or several of these joined by '+', and a name before '='
/// where they want one. "identity" is no augmentation at all.
/// </summary>
/// <param name="Name">How the candidate is called.</param>
/// <param name="Chain">Its augmentations as a recipe's list, JSON.</param>
internal sealed record CandidateText(string Name, string Chain)
{
    internal const string Nothing = "identity";

    /// <summary>The candidates of a list that is separated by commas.</summary>
    /// <exception cref="KdException"><c>KDP0380</c>: a candidate is empty.</exception>
    internal static IReadOnlyList<CandidateText> Parse(string list) => [.. Split(list, ',').Select(One)];

    private static CandidateText One(string text)
    {
        var parts = Split(text, '=');
        var (name, chain) = parts.Count == 2 ? (parts[0], parts[1]) : (text.Trim(), text.Trim());
        if (name.Length == 0 || chain.Length == 0 || parts.Count > 2)
            throw new KdException(
                CoreErrors.ToolArguments,
                $"'{text.Trim()}' is no candidate.",
                "Write ids or sections such as cutmix, random-crop+cutout or big={\"id\":\"cutout\",\"options\":{\"size\":16}}."
            );
        return new(
            name,
            chain switch
            {
                Nothing => "[]",
                ['[', ..] => chain,
                _ => Sections(chain),
            }
        );
    }

    private static string Sections(string chain) =>
        $"[{string.Join(',', Split(chain, '+').Select(p => p is ['{', ..] ? p : $"{{\"id\":{JsonSerializer.Serialize(p)}}}"))}]";

    // Separators inside of brackets and quotes belong to JSON.
    private static List<string> Split(string text, char separator)
    {
        var parts = new List<string>();
        var (start, depth, quoted) = (0, 0, false);
        for (var i = 0; i < text.Length; i++)
        {
            if (quoted && text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = !quoted;
            else if (!quoted && text[i] is '[' or '{')
                depth++;
            else if (!quoted && text[i] is ']' or '}')
                depth--;
            else if (!quoted && depth <= 0 && text[i] == separator)
            {
                parts.Add(text[start..i].Trim());
                start = i + 1;
            }
        }
        parts.Add(text[Math.Min(start, text.Length)..].Trim());
        return parts;
    }
}
