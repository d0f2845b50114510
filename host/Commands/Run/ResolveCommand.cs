using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Run;

/// <summary>kd resolve RECIPE: reads a recipe as a run would, and does nothing with it. For the service.</summary>
internal static class ResolveCommand
{
    internal static Command Make(Screen screen)
    {
        var recipe = new Argument<string>("RECIPE") { Description = "The recipe's file." };
        var recipeFolder = new Option<string?>("--recipe-folder")
        {
            Description = "What relative paths in the recipe start at. Default: the recipe's own folder.",
            HelpName = "DIR",
        };
        var (set, plugins) = (CommonOptions.Set(), CommonOptions.Plugins());
        var command = new Command("resolve", "Prints a recipe as it would be run, with every default written out.")
        {
            recipe,
            recipeFolder,
            set,
            plugins,
        };
        command.Hidden = true;
        var trust = TrustOptions.AddTo(command);
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins), trust.Read(parsed));
            var path = Path.GetFullPath(parsed.GetRequiredValue(recipe));
            var read = host.ReadResolved(
                PlainFile.ReadText(path, NamedRecipe.MaxBytes),
                parsed.GetValue(recipeFolder) is { } from ? Path.GetFullPath(from) : Path.GetDirectoryName(path)!,
                parsed.GetValue(set) ?? []
            );
            screen.Tell(() => Summary(read), read.ToResolvedJson);
            return ExitCodes.Done;
        });
        return command;
    }

    private static JsonObject Summary(Recipe recipe) =>
        new()
        {
            ["event"] = "recipe",
            ["name"] = recipe.Name,
            ["paths"] = new JsonArray([
                .. recipe.Paths.Select(p => new JsonObject { ["key"] = p.Key, ["text"] = p.Text }),
            ]),
        };
}
