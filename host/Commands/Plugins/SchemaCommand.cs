using System.CommandLine;
using KdPlugins.Core;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Commands.Plugins;

/// <summary>kd schema.</summary>
internal static class SchemaCommand
{
    internal static Command Make(Screen screen)
    {
        var output = new Option<string?>("--out")
        {
            Description = "The file to write. Default: the output.",
            HelpName = "FILE",
        };
        var study = new Option<bool>("--study") { Description = "The schema of studies, rather than that of recipes." };
        var plugins = CommonOptions.Plugins();
        var command = new Command("schema", "Writes the JSON Schema of recipes, made from the plugins that are there.")
        {
            output,
            study,
            plugins,
        };
        command.SetAction(parsed =>
        {
            var isStudy = parsed.GetValue(study);
            var schema = isStudy ? StudySchema.Make() : OfRecipes(parsed.GetValue(plugins));
            if (parsed.GetValue(output) is not { } file)
            {
                screen.Say(schema);
                return ExitCodes.Done;
            }
            var path = Path.GetFullPath(file);
            AtomicFile.Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(schema + "\n")));
            screen.Tell(
                () => new() { ["event"] = "schema", ["path"] = path },
                () =>
                    $"Written to {path}; begin {(isStudy ? "studies" : "recipes")} with \"$schema\": \"{Path.GetFileName(path)}\"."
            );
            return ExitCodes.Done;
        });
        return command;
    }

    private static string OfRecipes(string? plugins)
    {
        using var host = PluginHost.Load(plugins);
        return RecipeSchema.Make(host.Catalog);
    }
}
