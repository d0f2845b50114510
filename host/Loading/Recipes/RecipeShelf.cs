using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Recipes;

/// <summary>
/// The recipes that can be asked for by name: those in the folder <c>recipes</c> of every plugin folder in use, and those
/// that lie beside the program. Studies lie in the folder <c>studies</c> in the same way.
/// </summary>
internal sealed class RecipeShelf
{
    /// <summary>The folder of recipes in a plugin's folder.</summary>
    internal const string Folder = "recipes";

    /// <summary>The folder of studies in a plugin's folder.</summary>
    internal const string StudiesFolder = "studies";

    private const string Ending = ".json";

    private readonly string _thing;

    private RecipeShelf(IReadOnlyList<NamedRecipe> recipes, string thing) => (Recipes, _thing) = (recipes, thing);

    /// <summary>Ordered by name, then by plugin.</summary>
    internal IReadOnlyList<NamedRecipe> Recipes { get; }

    /// <summary>What the plugins of a catalog bring, and the program's own.</summary>
    internal static RecipeShelf Of(FolderPluginCatalog catalog) => Of(catalog, Folder, "recipe");

    /// <summary>The studies that they bring.</summary>
    internal static RecipeShelf StudiesOf(FolderPluginCatalog catalog) => Of(catalog, StudiesFolder, "study");

    private static RecipeShelf Of(FolderPluginCatalog catalog, string below, string thing)
    {
        // A folder all of whose plugins are refused or replaced by others offers nothing either.
        var used = catalog.Statuses.Where(s => s.State == PluginState.Active).Select(s => s.Folder).ToHashSet();
        var folders = catalog.Folders.Where(f => used.Contains(f.Name)).Select(f => (f.Name, f.Path));
        return new(
            [
                .. folders
                    .Prepend(("", AppContext.BaseDirectory))
                    .SelectMany(f => In(f.Item1, f.Item2, below))
                    .OrderBy(r => r.Name, StringComparer.Ordinal)
                    .ThenBy(r => r.Plugin, StringComparer.Ordinal),
            ],
            thing
        );
    }

    /// <summary>The names of what lies in folders of plugins and beside the program, by files' names alone: nothing is loaded.</summary>
    internal static IEnumerable<string> Names(IEnumerable<string> folders, string below = Folder) =>
        folders
            .Select(folder => (Path.GetFileName(folder), folder))
            .Prepend(("", AppContext.BaseDirectory))
            .SelectMany(f => In(f.Item1, f.Item2, below))
            .Select(r => r.Name);

    /// <summary>The recipe of a name, or of a name with its plugin's folder and ':' before it.</summary>
    /// <exception cref="KdException"><c>KDP0129</c>: there is none, or several plugins have one of this name.</exception>
    internal NamedRecipe Find(string name)
    {
        var found = Recipes.Where(r => r.Name == name || r.FullName == name).ToList();
        return found.Count switch
        {
            1 => found[0],
            0 => throw new KdException(
                HostErrors.RecipeUnknown,
                $"No plugin has a {_thing} '{name}'. {Nearest.Ask(name, Recipes.Select(r => r.Name).Distinct())}".TrimEnd()
            ),
            _ => throw new KdException(
                HostErrors.RecipeUnknown,
                $"{found.Count} plugins have a {_thing} '{name}': {string.Join(", ", found.Select(r => r.FullName))}.",
                "Name one of them with its plugin."
            ),
        };
    }

    /// <summary>The list, each with <c>name</c>, <c>plugin</c> and <c>summary</c>.</summary>
    internal JsonArray ToJson() =>
        [
            .. Recipes.Select(r => new JsonObject
            {
                ["name"] = r.Name,
                ["plugin"] = r.Plugin,
                ["summary"] = r.Summary(),
            }),
        ];

    private static IEnumerable<NamedRecipe> In(string plugin, string folder, string below)
    {
        var recipes = Path.Combine(folder, below);
        if (!Directory.Exists(recipes))
            return [];
        var walk = FolderWalk.Of(recipes, new());
        return walk.Refusals.Count > 0
            ? []
            : walk
                .Entries.Where(e => e.Path.EndsWith(Ending, StringComparison.Ordinal))
                .Select(e => new NamedRecipe(e.Path[..^Ending.Length], plugin, e.Info.FullName));
    }
}
