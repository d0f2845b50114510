using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>What options open data that somebody has, for data sets of encoded images.</summary>
internal static class Recognition
{
    /// <summary>The files at a path whose names end so: itself, or those of a folder; null where there are none.</summary>
    public static string[]? Files(string path, bool deep, params string[] extensions)
    {
        bool IsOne(string file) =>
            Path.GetFileName(file)[0] != '.'
            && extensions.Any(e => file.EndsWith(e, StringComparison.OrdinalIgnoreCase));

        if (File.Exists(path))
            return IsOne(path) ? [path] : null;
        string[] found = [.. DataFile.Files(path, "*", deep).Where(IsOne).Order(StringComparer.Ordinal)];
        return found.Length > 0 ? found : null;
    }

    /// <summary>The options with the size that images are to have.</summary>
    /// <param name="options">What else is to be said.</param>
    /// <param name="open">Opens the data at a size that all images can be brought to.</param>
    public static JsonObject Sized(JsonObject options, Func<ImageSet> open)
    {
        try
        {
            using var set = open();
            var (height, width) = set.SuggestSize();
            options["size"] = height == width ? height : new JsonArray(height, width);
        }
        catch (KdException)
        {
            // Whoever opens the data is told what is wrong with them.
        }
        return options;
    }
}
