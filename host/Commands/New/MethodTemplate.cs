using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.New;

/// <summary>The recipe that comes with a method: what of it has nothing to do with data and networks is taken over.</summary>
/// <param name="Name">The recipe's name.</param>
/// <param name="Recipe">Its text, read.</param>
internal sealed record MethodTemplate(string Name, JsonObject Recipe)
{
    private static readonly JsonDocumentOptions Lenient = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <summary>Whether somebody teaches.</summary>
    internal bool HasTeacher => Recipe["models"]!.AsObject().ContainsKey(Roles.Teacher);

    /// <summary>Finds it.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0201</c>: no such method is installed; <c>KDP0833</c>: nothing came with it that one could begin with.
    /// </exception>
    internal static MethodTemplate Of(PluginHost host, string method)
    {
        var known = host.Catalog.Plugins.Where(p => p.Kind == PluginKind.Strategy).Select(p => p.Id).ToList();
        if (!known.Contains(method))
            throw UnknownPlugin.Error(PluginKind.Strategy, method, known, []);
        var template = RecipeShelf
            .Of(host.Catalog)
            .Recipes.OrderBy(r => r.Name != method)
            .ThenBy(r => r.Plugin.Length > 0)
            .ThenBy(r => r.Name.Contains('/'))
            .ThenBy(r => r.Name.Length)
            .Select(Read)
            .FirstOrDefault(t => t is not null && (string?)t.Recipe["strategy"]?["id"] == method);
        if (template is null)
            throw Unfit(
                $"No recipe came with the method '{method}'.",
                "Write one by hand: 'kd describe' says what it takes."
            );
        template.Require(method);
        return template;
    }

    internal static KdException Unfit(string detail, string remedy)
    {
        var error = new KdException(CommandErrors.CannotBegin, detail, remedy);
        ExitCodes.Mark(error, ExitCodes.BadRecipe);
        return error;
    }

    private static MethodTemplate? Read(NamedRecipe recipe)
    {
        try
        {
            return JsonNode.Parse(recipe.Text(), null, Lenient) is JsonObject { } read && read["models"] is JsonObject
                ? new(recipe.Name, read)
                : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // Of what needs more than data with classes, a teacher and a student, nobody can guess the rest.
    private void Require(string method)
    {
        var others = Recipe["models"]!
            .AsObject()
            .Select(m => m.Key)
            .Where(r => r != Roles.Teacher && r != Roles.Student);
        string[] more =
        [
            .. others.Select(role => $"a network '{role}'"),
            .. (Recipe["sources"] as JsonObject ?? []).Select(source => $"data '{source.Key}'"),
            .. (Recipe["generators"] as JsonObject ?? []).Select(generator => $"a generator '{generator.Key}'"),
        ];
        if (more.Length > 0)
            throw Unfit(
                $"The method '{method}' needs more than data, a teacher and a student: {string.Join(", ", more)}.",
                $"Begin with its own recipe: kd recipes {Name} > my.json"
            );
    }
}
