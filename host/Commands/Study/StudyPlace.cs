using KdPlugins.Core;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>The study that a command is given: a file, or the name of one that came with a plugin.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Folder">What relative paths in it start at: its own folder, or the current one where it came with a plugin.</param>
internal sealed record StudyPlace(string Path, string Folder)
{
    /// <summary>Finds it; of a file that is not there, whoever reads it says so.</summary>
    /// <exception cref="KdException"><c>KDP0129</c>: it is neither a file nor the name of one study.</exception>
    internal static StudyPlace Find(string text, FolderPluginCatalog catalog)
    {
        if (RecipePlace.IsName(text))
            return new(RecipePlace.Named(text, RecipeShelf.StudiesOf(catalog)).Path, Environment.CurrentDirectory);
        var path = System.IO.Path.GetFullPath(text);
        return new(path, System.IO.Path.GetDirectoryName(path)!);
    }

    /// <summary>Where a recipe lies that a study names: a file, relative to the study's folder, or one that came with a plugin.</summary>
    internal static Func<string, string, RecipeLocation> Recipes(FolderPluginCatalog catalog) =>
        (text, folder) =>
        {
            var path = System.IO.Path.GetFullPath(text, folder);
            // A file of the study goes before a name.
            if (File.Exists(path) || !RecipePlace.IsName(text))
                return new(path, System.IO.Path.GetDirectoryName(path)!);
            return new(RecipePlace.Named(text, RecipeShelf.Of(catalog)).Path, Environment.CurrentDirectory);
        };
}
