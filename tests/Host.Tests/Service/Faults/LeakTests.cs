using System.Runtime.Loader;
using System.Text.Json.Nodes;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Service;

/// <summary>A plugin that stays in memory when it is unloaded: used, named, replaced by its next version, never run by the service.</summary>
[Collection(AloneTests.Name)]
public sealed class LeakTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private static byte[] Version(string version, string leak) =>
        PluginCompiler.Compile(
            "Leak",
            $$"""
            public sealed class Kept;
            public sealed record LeakOptions { public int Size { get; init; } = 1; }
            [KdLoss("leak", Version = "{{version}}")] public sealed class Leak : DistillationLoss<LeakOptions> {
                {{leak}}
                protected override void OnConfigured() {
                    if (Options.Size < 0) throw new ArgumentException("a size is not negative");
                }
                public override Tensor Compute(ILossContext context) => null!;
            }
            """
        );

    private const string Table = """
        static readonly System.Runtime.CompilerServices.ConditionalWeakTable<object, Kept> It = new();
        public Leak() { It.GetOrCreateValue(typeof(object)); }
        """;

    [Fact]
    public async Task It_is_active_everywhere_with_the_leak_named_and_later_versions_come_into_use()
    {
        var plugins = _kd.CopyPlugins();
        var path = Path.Combine(plugins, "Leak", "Leak.dll");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, Version("1.0.0", Table));
        await using var service = await LocalService.Start(
            _kd,
            o => (o.WorkerCommand, o.Devices) = (["dotnet", Kd.Program], ["cpu"])
        );
        for (var version = 1; version <= 3; version++)
        {
            if (version > 1)
            {
                var before = service.Plugins.CurrentName;
                File.WriteAllBytes(path, Version($"{version}.0.0", Table));
                await service.Until(() => service.Plugins.CurrentName != before);
            }
            var answer = await service.Get("/api/plugins");
            var plugin = answer["plugins"]!.AsArray().Single(p => (string)p!["id"]! == "leak")!;
            Assert.Equal(($"{version}.0.0", "active"), ((string)plugin["version"]!, (string)plugin["state"]!));
            Assert.Null(plugin["reason"]);
            Assert.Empty(answer["troubles"]!.AsArray());
            var folder = answer["folders"]!.AsArray().Single(f => (string)f!["name"]! == "Leak")!;
            var finding = Assert.Single(folder["findings"]!.AsArray())!;
            Assert.Equal("warning", (string)finding["severity"]!);
            Assert.StartsWith("KDP0120 plugin 'Leak' leaked", (string)finding["message"]!);
            Assert.Contains("the static field Leak.It, a", (string)finding["message"]!);
        }
        Assert.Contains("Plugin folder Leak is in use, though it stays in memory", service.Log.Text);
        Assert.DoesNotContain("Leak is refused", service.Log.Text);
        Assert.DoesNotContain("did not unload", service.Log.Text);
        Assert.InRange(Contexts(), 0, 1);

        Assert.Contains("loss.leak", (await service.Http.GetStringAsync("/api/schema")));
        Assert.True((await Submit(service, 1)).IsSuccessStatusCode);
        var refused = await Submit(service, -1);
        Assert.Equal(400, (int)refused.StatusCode);
        var why = JsonNode.Parse(await refused.Content.ReadAsStringAsync())!;
        Assert.Contains("a size is not negative", (string)why["message"]!);
        Assert.Equal("KDP0215", (string)why["code"]!);
        Assert.DoesNotContain($"{why["code"]} {why["code"]}", (string)why["message"]!);
    }

    [Fact]
    public void Verify_and_list_say_the_same()
    {
        using var root = new PluginRoot().Add("Leak", Version("1.0.0", Table));
        var verified = Kd.Call("plugins", "verify", "--plugins", root.Path, "--json");
        Assert.Equal(0, verified.ExitCode);
        var line = Assert.Single(verified.Lines);
        Assert.Empty(line["problems"]!.AsArray());
        Assert.StartsWith("KDP0120 plugin 'Leak' leaked", (string)Assert.Single(line["warnings"]!.AsArray())!);
        Assert.Contains("the static field Leak.It", (string)line["folders"]!["Leak"]!["leak"]!);
        Assert.Contains("active", Kd.Call("plugins", "list", "--plugins", root.Path).Output);
        Assert.Contains("warning: KDP0120", Kd.Call("plugins", "verify", "--plugins", root.Path).Output);
    }

    private static Task<HttpResponseMessage> Submit(LocalService service, int size)
    {
        var recipe = LocalService.Named("leaky");
        recipe["losses"] = JsonNode.Parse($$$"""[{"id":"leak","options":{"size":{{{size}}}}}]""");
        var body = new JsonObject { ["recipe"] = recipe };
        return service.Http.PostAsync(
            "/api/runs",
            new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json")
        );
    }

    private static int Contexts()
    {
        for (var i = 0; i < 10; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return AssemblyLoadContext.All.Count(c => c.Name == "Leak");
    }
}
