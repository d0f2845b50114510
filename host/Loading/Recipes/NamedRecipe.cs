using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Recipes;

/// <summary>A recipe that came with a plugin, or with the program.</summary>
/// <param name="Name">Its path below the folder of recipes, with '/' and without its ending.</param>
/// <param name="Plugin">The plugin's folder; empty for the program's own.</param>
/// <param name="Path">Its file.</param>
internal sealed record NamedRecipe(string Name, string Plugin, string Path)
{
    /// <summary>The most bytes of a recipe's file.</summary>
    internal const int MaxBytes = 1 << 20;

    /// <summary>The name that no other plugin's recipe has.</summary>
    internal string FullName => Plugin.Length > 0 ? $"{Plugin}:{Name}" : Name;

    /// <summary>The file's text.</summary>
    /// <exception cref="IOException">It is no plain file of at most <see cref="MaxBytes"/> bytes.</exception>
    internal string Text() => PlainFile.ReadText(Path, MaxBytes);

    /// <summary>The first sentence of the comment that it begins with; empty where it begins with none, or cannot be read.</summary>
    internal string Summary()
    {
        try
        {
            return FirstSentence(Text());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string FirstSentence(string text)
    {
        var comment = text.Split('\n')
            .Select(line => line.Trim())
            .SkipWhile(line => line is "" or "{")
            .TakeWhile(line => line.StartsWith("//", StringComparison.Ordinal))
            .Select(line => line[2..].Trim());
        var whole = string.Join(' ', comment);
        var end = whole.IndexOf(". ", StringComparison.Ordinal);
        return end < 0 ? whole : whole[..(end + 1)];
    }
}
