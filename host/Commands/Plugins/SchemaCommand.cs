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
        var plugins = CommonOptions.Plugins();
        var command = new Command("schema", "Writes the JSON Schema of recipes, made from the plugins that are there.")
        {
            output,
            plugins,
        };
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            var schema = RecipeSchema.Make(host.Catalog);
            if (parsed.GetValue(output) is not { } file)
            {
                screen.Say(schema);
                return ExitCodes.Done;
            }
            var path = Path.GetFullPath(file);
            AtomicFile.Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(schema + "\n")));
            screen.Tell(
                () => new() { ["event"] = "schema", ["path"] = path },
                () => $"Written to {path}; begin recipes with \"$schema\": \"{Path.GetFileName(path)}\"."
            );
            return ExitCodes.Done;
        });
        return command;
    }
}
