using System.Text.RegularExpressions;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>What ids and versions look like.</summary>
internal static partial class PartRules
{
    /// <summary>Why an id or a version cannot be used, or null.</summary>
    internal static string? Problem(string id, string version)
    {
        if (!KebabCase().IsMatch(id))
            return $"has the id '{id}', which is not kebab-case (such as 'mosaic-kd')";
        return Version.TryParse(version, out var parsed) && parsed.Build >= 0
            ? null
            : $"has the version '{version}', which is not major.minor.patch";
    }

    [GeneratedRegex("^[a-z0-9]+(-[a-z0-9]+)*$", RegexOptions.CultureInvariant)]
    private static partial Regex KebabCase();
}
