namespace KdPlugins.Host.Loading.Manifest;

/// <summary>A range of versions: "1.2" (that or newer), or "[1.2, 2.0)" with inclusive and exclusive ends.</summary>
/// <param name="Low">The lower end, or null.</param>
/// <param name="LowIncluded">Whether the lower end belongs to it.</param>
/// <param name="High">The upper end, or null.</param>
/// <param name="HighIncluded">Whether the upper end belongs to it.</param>
internal sealed record VersionRange(Version? Low, bool LowIncluded, Version? High, bool HighIncluded)
{
    /// <summary>The range that a text means, or null where it means none.</summary>
    internal static VersionRange? Parse(string text)
    {
        text = text.Trim();
        if (Version.TryParse(text, out var minimum))
            return new(minimum, true, null, false);
        if (text.Length < 3 || text[0] is not ('[' or '(') || text[^1] is not (']' or ')'))
            return null;
        var ends = text[1..^1].Split(',');
        if (ends.Length != 2 || !End(ends[0], out var low) || !End(ends[1], out var high) || (low ?? high) is null)
            return null;
        return new(low, text[0] == '[', high, text[^1] == ']');
    }

    /// <summary>Whether a version lies in it.</summary>
    internal bool Contains(Version version)
    {
        var known = Trim(version);
        var aboveLow = Low is null || (LowIncluded ? known >= Trim(Low) : known > Trim(Low));
        var belowHigh = High is null || (HighIncluded ? known <= Trim(High) : known < Trim(High));
        return aboveLow && belowHigh;
    }

    private static bool End(string text, out Version? version)
    {
        version = null;
        return text.Trim().Length == 0 || Version.TryParse(text.Trim(), out version);
    }

    // A part that is absent is -1 in Version, and so less than 0.
    private static Version Trim(Version v) => new(v.Major, v.Minor, Math.Max(v.Build, 0), Math.Max(v.Revision, 0));
}
