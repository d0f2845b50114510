using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Host.Loading.Folders;

namespace KdPlugins.Host.Commands.Plugins;

/// <summary>kd plugins lock.</summary>
internal static class LockCommand
{
    internal static Command Make(Screen screen)
    {
        var names = new Argument<string[]>("NAME")
        {
            Description = "Folders or packages of the plugin folder; none for all of them.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var plugins = CommonOptions.Plugins();
        var command = new Command("lock", "Records plugins as they are in plugins.lock.json, for --trust locked.")
        {
            names,
            plugins,
        };
        command.SetAction(parsed =>
        {
            var root = Path.GetFullPath(parsed.GetValue(plugins) ?? FolderPluginCatalog.DefaultRoot);
            var locked = FolderPluginCatalog.Approve(root, parsed.GetValue(names) ?? []);
            screen.Tell(
                () =>
                    new()
                    {
                        ["event"] = "locked",
                        ["root"] = root,
                        ["plugins"] = new JsonArray([.. locked.Select(n => JsonValue.Create(n))]),
                    },
                () => $"{root}: {string.Join(", ", locked)} recorded."
            );
            return ExitCodes.Done;
        });
        return command;
    }
}
