using System.Diagnostics;
using System.Runtime.Versioning;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Service;

/// <summary>A service whose plugin folder has entries that must not be opened: it starts, swaps and stops all the same.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class BadFolderTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public async Task Bad_entries_refuse_their_plugins_and_hold_nothing_else_up()
    {
        var plugins = _kd.CopyPlugins();
        string[] kinds = ["pipe as assembly", "link to the root", "folder that is a dangling link", "pipe as package"];
        // Each in a folder of its own: "One" is every one's name for it.
        var planted = kinds.Select((kind, i) => Plant(plugins, kind, $"Bad{i}")).ToList();
        var start = Stopwatch.StartNew();
        var service = await LocalService.Start(_kd);
        try
        {
            var answer = await service.Get("/api/plugins");
            var told = answer["troubles"]!
                .AsArray()
                .ToDictionary(t => (string)t!["folder"]!, t => (string)t!["reason"]!);
            foreach (var (plugin, entry) in planted)
                Assert.Contains(entry, told[plugin]);
            Assert.Equal(planted.Count, told.Count);
            Assert.Contains(answer["plugins"]!.AsArray(), p => (string)p!["id"]! == "offline");
            var before = service.Plugins.CurrentName;
            File.WriteAllText(Path.Combine(plugins, "Losses", "note.txt"), "another version");
            await service.Until(() => service.Plugins.CurrentName != before);
        }
        finally
        {
            start.Restart();
            await service.DisposeAsync();
            Assert.True(start.Elapsed < TimeSpan.FromSeconds(15), $"stopping took {start.Elapsed}");
        }
    }

    [Fact]
    public async Task One_broken_folder_of_many_costs_no_check_for_each()
    {
        var plugins = _kd.CopyPlugins();
        Directory.CreateDirectory(Path.Combine(plugins, "Broken"));
        File.WriteAllText(Path.Combine(plugins, "Broken", "Broken.dll"), "no assembly");
        var calls = _kd.At("calls");
        // Counts the processes that the service starts, which are the program itself.
        var counting = _kd.Write("counting.sh", $"echo \"$*\" >> \"{calls}\"; exec dotnet \"{Kd.Program}\" \"$@\"");
        await using var service = await LocalService.Start(_kd, o => o.WorkerCommand = ["sh", counting]);
        var trouble = Assert.Single((await service.Get("/api/plugins"))["troubles"]!.AsArray());
        Assert.Equal("Broken", (string)trouble!["folder"]!);
        Assert.Contains("KDP0102", (string)trouble["reason"]!);
        Assert.Single(File.ReadAllLines(calls));
    }

    private static (string Plugin, string Entry) Plant(string plugins, string kind, string name)
    {
        var (plugin, entry) = BadEntryTests.Plant(kind, plugins);
        if (plugin != "One")
        {
            Directory.Delete(Path.Combine(plugins, "One"), recursive: true);
            return (plugin, entry);
        }
        Directory.Move(Path.Combine(plugins, "One"), Path.Combine(plugins, name));
        return (name, entry);
    }
}
