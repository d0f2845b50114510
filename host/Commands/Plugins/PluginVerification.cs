using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Plugins;

/// <summary>
/// Does with every plugin what a run would do before its first step, and unloads it again. One that stays in memory is told as a
/// warning: runs are processes of their own, and end with it.
/// </summary>
internal sealed class PluginVerification(string? folder, LoaderOptions options)
{
    private readonly List<(string Folder, string Text)> _problems = [];

    /// <summary>Gives the exit code; raises KDP0805 where anything cannot be used.</summary>
    internal int Run(Screen screen)
    {
        using var host = PluginHost.Load(folder, options);
        var found = PluginReport.Problems(host.Catalog).ToLookup(p => p.Finding.Severity == Severity.Error);
        _problems.AddRange(found[true].Select(p => (p.Folder, $"{p.Where}{p.Finding}")));
        var names = host.Catalog.Folders.Select(f => f.Name).ToList();
        var made = MakeAll(host.Catalog);
        var unloaded = host.Catalog.Unload();
        var leaks = unloaded.Where(u => !u.IsUnloaded).ToDictionary(u => u.Folder, u => u.Finding!);
        List<string> warnings =
        [
            .. found[false].Where(p => p.Finding.Severity == Severity.Warning).Select(p => $"{p.Where}{p.Finding}"),
            .. leaks.Values.Select(l => l.ToString()),
        ];
        screen.Tell(
            () => Json(host.Catalog.Root, made, unloaded.Count - leaks.Count, warnings, names, leaks),
            () => Text(host.Catalog.Root, made, unloaded.Count - leaks.Count, warnings)
        );
        if (_problems.Count == 0)
            return ExitCodes.Done;
        var error = new KdException(
            CommandErrors.PluginsRefused,
            $"{host.Catalog.Root}: {string.Join("\n  ", _problems.Select(p => p.Text).Prepend($"{_problems.Count} problems:"))}\n"
        );
        ExitCodes.Mark(error, ExitCodes.PluginRefused);
        throw error;
    }

    private static string Text(string root, int made, int unloaded, List<string> warnings) =>
        string.Join(
            "\n",
            warnings
                .Select(w => $"warning: {w}")
                .Append($"{root}: {made} plugins made, their options checked, {unloaded} folders unloaded.")
        );

    private JsonObject Json(
        string root,
        int made,
        int unloaded,
        List<string> warnings,
        List<string> names,
        Dictionary<string, Finding> leaks
    ) =>
        new()
        {
            ["event"] = "verified",
            ["root"] = root,
            ["plugins"] = made,
            ["unloaded"] = unloaded,
            ["problems"] = List(_problems.Select(p => p.Text)),
            ["warnings"] = List(warnings),
            // By folder too, for the service, which lets every good one in whatever the others are.
            ["folders"] = new JsonObject(
                names.Select(n =>
                    KeyValuePair.Create<string, JsonNode?>(
                        n,
                        new JsonObject
                        {
                            ["problems"] = List(_problems.Where(p => p.Folder == n).Select(p => p.Text)),
                            ["leak"] = leaks.GetValueOrDefault(n)?.Detail,
                        }
                    )
                )
            ),
        };

    private static JsonArray List(IEnumerable<string> texts) => new([.. texts.Select(t => JsonValue.Create(t))]);

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
            var status = catalog.Statuses.First(s =>
                s.Kind == plugin.Kind && s.Id == plugin.Id && s.State == PluginState.Active
            );
            _problems.Add(
                (status.Folder, $"{PluginReport.Name(plugin.Kind)} '{plugin.Id}': {(e.InnerException ?? e).Message}")
            );
            return false;
        }
    }
}
