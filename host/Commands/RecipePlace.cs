using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands;

/// <summary>The recipe that a command is given: a file, or the name of one that came with a plugin.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Folder">What relative paths in it start at: its own folder, or the current one where it came with a plugin.</param>
internal sealed record RecipePlace(string Path, string Folder)
{
    /// <summary>What a command's RECIPE may be.</summary>
    internal const string Description = "The recipe's file, or the name of one that 'kd recipes' lists.";

    /// <summary>Whether a text can be a name, since it names no file and looks like none.</summary>
    internal static bool IsName(string text) =>
        !System.IO.Path.Exists(text) && !text.EndsWith(".json", StringComparison.OrdinalIgnoreCase);

    /// <summary>Finds it; of a file that is not there, whoever reads it says so.</summary>
    /// <exception cref="KdException"><c>KDP0129</c>: it is neither a file nor the name of one recipe.</exception>
    internal static RecipePlace Find(string text, FolderPluginCatalog catalog)
    {
        if (IsName(text))
            return new(Named(text, RecipeShelf.Of(catalog)).Path, Environment.CurrentDirectory);
        var path = System.IO.Path.GetFullPath(text);
        return new(path, System.IO.Path.GetDirectoryName(path)!);
    }

    /// <summary>The recipe of a name.</summary>
    /// <exception cref="KdException"><c>KDP0129</c>.</exception>
    internal static NamedRecipe Named(string name, RecipeShelf shelf)
    {
        try
        {
            return shelf.Find(name);
        }
        catch (KdException e)
        {
            ExitCodes.Mark(e, ExitCodes.BadRecipe);
            throw;
        }
    }
}
