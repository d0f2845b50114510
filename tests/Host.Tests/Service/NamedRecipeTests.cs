using KdPlugins.Host.Tests.Commands;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Recipes that come with the service's plugins.</summary>
[Collection("commands")]
public sealed class NamedRecipeTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public async Task A_package_that_is_dropped_in_brings_a_recipe_that_is_run_by_its_name()
    {
        var plugins = _kd.CopyPlugins();
        var source = Path.Combine(plugins, "Losses");
        Directory.CreateDirectory(Path.Combine(source, "recipes"));
        File.WriteAllText(Path.Combine(source, "recipes/mini.json"), $"// What it shows.\n{Kd.Recipe}");
        Assert.Equal(0, Kd.Call("plugins", "pack", source, "-o", _kd.At("losses.kdplugin")).ExitCode);
        Directory.Delete(source, recursive: true);
        await using var service = await LocalService.Start(_kd);
        Assert.Equal(404, (await Post(service, """{ "recipeName": "mini" }""")).Status);
        var before = service.Plugins.CurrentName;
        File.Move(_kd.At("losses.kdplugin"), Path.Combine(plugins, "losses.kdplugin"));
        await service.Until(() => service.Plugins.CurrentName != before);

        var listed = (await service.Get("/api/recipes")).AsArray().Single(r => (string)r!["name"]! == "mini")!;
        Assert.Equal(("losses.kdplugin", "What it shows."), ((string)listed["plugin"]!, (string)listed["summary"]!));
        var url = service.Http.BaseAddress!.ToString();
        var submitted = Kd.Call("submit", "mini", "--url", url, "--set", "name=by-name", "--json");
        Assert.True(submitted.ExitCode == 0, submitted.Error);
        var run = Assert.Single(submitted.Lines)["run"]!;
        Assert.Equal("by-name", (string)run["name"]!);
        Assert.Contains(
            "\"tiny\"",
            File.ReadAllText(Path.Combine(service.Data, "runs", (string)run["id"]!, "recipe.json"))
        );
    }

    [Fact]
    public async Task What_names_no_recipe_or_one_too_many_is_refused()
    {
        await using var service = await LocalService.Start(_kd);
        Assert.Equal((404, "KDP0129"), await Post(service, """{ "recipeName": "nobody" }"""));
        Assert.Equal((404, "KDP0129"), await Post(service, """{ "recipeName": "../../secret" }"""));
        Assert.Equal((400, "KDP0907"), await Post(service, """{ "recipeName": "quickstart", "recipe": {} }"""));
        var far = Kd.Call("submit", "nobody", "--url", service.Http.BaseAddress!.ToString());
        Assert.Contains("KDP0129", far.Error);
    }

    private static async Task<(int Status, string Code)> Post(LocalService service, string body)
    {
        var answer = await service.Send("POST", "/api/runs", body);
        return (answer.Status, answer.Code ?? "");
    }
}
