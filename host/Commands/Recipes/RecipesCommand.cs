using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Commands.Recipes;

/// <summary>kd recipes [NAME].</summary>
internal static class RecipesCommand
{
    private const int Widest = 100;

    internal static Command Make(Screen screen)
    {
        var name = new Argument<string?>("NAME")
        {
            Description = "The recipe or study whose text is wanted, to start one's own from.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var study = new Option<bool>("--study") { Description = "NAME is that of a study." };
        var plugins = CommonOptions.Plugins();
        var command = new Command(
            "recipes",
            "Lists the recipes and studies that plugins bring with them, or shows one."
        )
        {
            name,
            study,
            plugins,
        };
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            var (shelf, studies) = (RecipeShelf.Of(host.Catalog), RecipeShelf.StudiesOf(host.Catalog));
            if (parsed.GetValue(name) is { } wanted)
                Show(screen, RecipePlace.Named(wanted, parsed.GetValue(study) ? studies : shelf));
            else
                screen.Tell(() => Json(shelf, studies), () => $"{Table(shelf)}\n\n{Studies(studies)}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Show(Screen screen, NamedRecipe recipe)
    {
        var text = recipe.Text();
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "recipe",
                    ["name"] = recipe.Name,
                    ["plugin"] = recipe.Plugin,
                    ["path"] = recipe.Path,
                    ["text"] = text,
                },
            text.TrimEnd
        );
    }

    private static string Table(RecipeShelf shelf)
    {
        var table = new TextTable("recipe", "plugin", "what it does");
        foreach (var recipe in shelf.Recipes)
            table.Add(recipe.Name, recipe.Plugin, Line(recipe.Summary()));
        return $"{table}\n'kd run NAME' carries one out, 'kd recipes NAME > my.json' makes a copy to change.";
    }

    private static string Studies(RecipeShelf shelf)
    {
        if (shelf.Recipes.Count == 0)
            return "";
        var table = new TextTable("study", "plugin", "what it asks");
        foreach (var study in shelf.Recipes)
            table.Add(study.Name, study.Plugin, Line(study.Summary()));
        return $"{table}\n'kd study NAME' carries one out, 'kd recipes NAME --study > my.json' makes a copy to change.";
    }

    // As much as a line of a terminal takes, whole words where there are any.
    private static string Line(string text)
    {
        if (text.Length <= Widest)
            return text;
        var end = text.LastIndexOf(' ', Widest);
        return $"{text[..(end > 0 ? end : Widest)]} ...";
    }

    private static JsonObject Json(RecipeShelf shelf, RecipeShelf studies) =>
        new()
        {
            ["event"] = "recipes",
            ["recipes"] = shelf.ToJson(),
            ["studies"] = studies.ToJson(),
        };
}
