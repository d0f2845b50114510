using KdPlugins.Core;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Torch;

namespace KdPlugins.Host.Service;

/// <summary>The folders below which everything lies that a submitted recipe may read, links followed.</summary>
internal sealed class DataRoots
{
    private readonly string[] _real;

    private DataRoots(IReadOnlyList<string> folders) =>
        (Folders, _real) = (folders, [.. folders.Select(f => RealPath.Of(f).TrimEnd(Path.DirectorySeparatorChar))]);

    /// <summary>The folders, absolute.</summary>
    internal IReadOnlyList<string> Folders { get; }

    /// <summary>Those named; null for none, which bounds nothing.</summary>
    internal static DataRoots? Of(string[]? folders) =>
        folders is { Length: > 0 } ? new([.. folders.Select(Path.GetFullPath)]) : null;

    /// <summary>
    /// Those of a service, its own folder among them; null where whoever asks may read everything, as on a command line: on a
    /// service of this machine's own users, without a token and without roots.
    /// </summary>
    internal static DataRoots? Of(ServiceOptions options)
    {
        string[] named = options.RecipeFolder.Length > 0 ? [options.RecipeFolder] : [];
        var isOwn = options.TokenFile.Length == 0 && options.Addresses.All(u => ServiceOptions.IsLoopback(u.Host));
        return options.DataRoots.Count == 0 && isOwn ? null : Of([options.Data, .. named, .. options.DataRoots]);
    }

    /// <summary>Where relative paths start of whoever does not say so; null for nowhere.</summary>
    internal static string? Start(ServiceOptions options) =>
        options.RecipeFolder.Length > 0 ? Path.GetFullPath(options.RecipeFolder)
        : options.DataRoots.Count > 0 ? Path.GetFullPath(options.DataRoots[0])
        : null;

    /// <exception cref="KdException"><c>KDP0914</c>: a file of the recipe lies elsewhere.</exception>
    internal void Check(Recipe recipe) => Check(recipe.Paths, recipe.Folder);

    /// <param name="paths">What a recipe names.</param>
    /// <param name="folder">Where relative ones start.</param>
    /// <exception cref="KdException"><c>KDP0914</c>: a file of the recipe lies elsewhere.</exception>
    internal void Check(IReadOnlyList<NamedPath> paths, string folder)
    {
        foreach (var path in paths)
            if (!IsInside(RealPath.Of(Path.GetFullPath(path.Text, folder))))
                throw Refuse(path, "lies outside the folders that submitted recipes may read");
    }

    /// <exception cref="KdException"><c>KDP0914</c>: a path of the recipe is relative.</exception>
    internal static void RequireAbsolute(IReadOnlyList<NamedPath> paths)
    {
        foreach (var path in paths.Where(p => !Path.IsPathFullyQualified(p.Text)))
            throw Refuse(path, "is relative, and nobody says to what");
    }

    private bool IsInside(string real) =>
        _real.Any(r => real == r || real.StartsWith(r + Path.DirectorySeparatorChar, StringComparison.Ordinal));

    private static KdException Refuse(NamedPath path, string why)
    {
        var error = new KdException(ServiceErrors.PathRefused, $"{path.Key}: '{path.Text}' {why}.");
        ExitCodes.Mark(error, ExitCodes.BadRecipe);
        return error;
    }
}
