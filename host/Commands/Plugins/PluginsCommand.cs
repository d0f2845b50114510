using System.CommandLine;
using KdPlugins.Host.Loading.Listing;

namespace KdPlugins.Host.Commands.Plugins;

/// <summary>kd plugins list, explain, verify, and what makes and approves packages.</summary>
internal static class PluginsCommand
{
    internal static Command Make(Screen screen) =>
        new("plugins", "Shows which plugins there are, and why others cannot be used.")
        {
            List(screen),
            Explain(screen),
            Verify(screen),
            PackCommand.Make(screen),
            LockCommand.Make(screen),
            SignCommand.Make(screen),
            SignCommand.MakeKeys(screen),
        };

    private static Command List(Screen screen)
    {
        var plugins = CommonOptions.Plugins();
        var command = new Command("list", "Lists every plugin, usable or not.") { plugins };
        var trust = TrustOptions.AddTo(command);
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins), trust.Read(parsed));
            screen.Tell(() => PluginReport.Json(host.Catalog), () => PluginReport.Text(host.Catalog));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Explain(Screen screen)
    {
        var id = new Argument<string>("ID") { Description = "The id of a plugin, or the name of its folder." };
        var plugins = CommonOptions.Plugins();
        var command = new Command("explain", "Says where a plugin and all that it needs come from.") { id, plugins };
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            var found = host.Catalog.Explain(parsed.GetRequiredValue(id));
            screen.Tell(() => PluginReport.Json(found), found.ToString);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Verify(Screen screen)
    {
        var plugins = CommonOptions.Plugins();
        var command = new Command("verify", "Makes every plugin, checks its options, and unloads it again.")
        {
            plugins,
        };
        var trust = TrustOptions.AddTo(command);
        command.SetAction(parsed => new PluginVerification(parsed.GetValue(plugins), trust.Read(parsed)).Run(screen));
        return command;
    }
}
