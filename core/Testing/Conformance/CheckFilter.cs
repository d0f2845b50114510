using System.IO.Enumeration;

namespace KdPlugins.Testing;

/// <summary>Which checks are made, by their names.</summary>
/// <param name="patterns">Names; <c>*</c> stands for any text. None: all checks.</param>
internal sealed class CheckFilter(IReadOnlyList<string> patterns)
{
    /// <summary>The environment variable that chooses checks of a whole test run.</summary>
    internal const string Variable = "KD_CHECKS";

    /// <summary>What the environment says.</summary>
    internal static CheckFilter Current =>
        new(
            (Environment.GetEnvironmentVariable(Variable) ?? "").Split(
                ',',
                StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
            )
        );

    internal bool Takes(string name) =>
        patterns.Count == 0 || patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, name));

    public override string ToString() => string.Join(", ", patterns.Select(p => $"'{p}'"));
}
