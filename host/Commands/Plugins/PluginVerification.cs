using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Plugins;

/// <summary>Does with every plugin what a run would do before its first step, and unloads it again.</summary>
internal sealed class PluginVerification(string? folder, LoaderOptions options)
{
    private readonly List<string> _problems = [];

    /// <summary>Gives the exit code; raises KDP0805 where anything cannot be used.</summary>
    internal int Run(Screen screen)
    {
        using var host = PluginHost.Load(folder, options);
        _problems.AddRange(
            PluginReport
                .Problems(host.Catalog)
                .Where(p => p.Finding.Severity == Severity.Error)
                .Select(p => $"{p.Where}{p.Finding}")
        );
        var made = MakeAll(host.Catalog);
        var unloaded = host.Catalog.Unload();
        _problems.AddRange(unloaded.Where(u => !u.IsUnloaded).Select(u => u.ToString()));
        screen.Tell(
            () => Json(host.Catalog.Root, made, unloaded.Count),
            () => $"{host.Catalog.Root}: {made} plugins made, their options checked, {unloaded.Count} folders unloaded."
        );
        if (_problems.Count == 0)
            return ExitCodes.Done;
        var error = new KdException(
            CommandErrors.PluginsRefused,
            $"{host.Catalog.Root}: {string.Join("\n  ", _problems.Prepend($"{_problems.Count} problems:"))}\n"
        );
        ExitCodes.Mark(error, ExitCodes.PluginRefused);
        throw error;
    }

    private JsonObject Json(string root, int made, int unloaded) =>
        new()
        {
            ["event"] = "verified",
            ["root"] = root,
            ["plugins"] = made,
            ["unloaded"] = unloaded,
            ["problems"] = new JsonArray([.. _problems.Select(p => JsonValue.Create(p))]),
        };

    // Apart, so that nothing of a plugin is left on the stack when its context has to go.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int MakeAll(FolderPluginCatalog catalog)
    {
        var made = 0;
        foreach (var plugin in catalog.Plugins)
            if (Makes(catalog, plugin))
                made++;
        return made;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Makes(FolderPluginCatalog catalog, PluginDescriptor plugin)
    {
        try
        {
            using var instance = catalog.Create(plugin.Kind, plugin.Id);
            // An instance of the options holds their defaults; what a user must give is not there, and need not be.
            var options = Activator.CreateInstance(instance.Plugin.OptionsType)!;
            _ = OptionsBinder.ToJson(options);
            return true;
        }
        catch (Exception e)
        {
            _problems.Add($"{PluginReport.Name(plugin.Kind)} '{plugin.Id}': {(e.InnerException ?? e).Message}");
            return false;
        }
    }
}
