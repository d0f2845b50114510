using System.Text.Json.Nodes;
using KdPlugins.Host.Tests.Commands;

namespace KdPlugins.Host.Tests.Service;

/// <summary>A run whose recipe was moved: what the worker does with its arguments.</summary>
[Collection("commands")]
public sealed class MovedRecipeTests : IDisposable
{
    private readonly Kd _kd = new();

    public MovedRecipeTests()
    {
        foreach (var folder in (string[])["recipes", "roots"])
            Directory.CreateDirectory(_kd.At(folder));
    }

    public void Dispose() => _kd.Dispose();

    [Fact]
    public void A_recipe_that_was_moved_finds_its_data_and_weights_where_it_came_from()
    {
        var recipe = JsonNode.Parse(Kd.Recipe)!.AsObject();
        recipe["training"]!["epochs"] = 0;
        recipe["prepare"] = new JsonArray();
        recipe["models"]!["teacher"]!["weights"] = "teacher.safetensors";
        Directory.CreateDirectory(_kd.At("elsewhere"));
        var moved = _kd.Write("elsewhere/recipe.json", recipe.ToJsonString());

        // KDP0500 names the place where it was looked for.
        var missing = Kd.Call(
            "run",
            moved,
            "--recipe-folder",
            _kd.At("recipes"),
            "--out",
            _kd.At("run"),
            "--plugins",
            Kd.Plugins
        );
        Assert.Contains(_kd.At("recipes/teacher.safetensors"), missing.Error);
        var outside = Kd.Call([
            "run",
            moved,
            "--recipe-folder",
            _kd.At("recipes"),
            "--within",
            _kd.At("roots"),
            "--out",
            _kd.At("run2"),
            "--plugins",
            Kd.Plugins,
        ]);
        Assert.StartsWith("KDP0914 models.teacher.weights: 'teacher.safetensors' lies outside", outside.Error);
        Assert.Equal(2, outside.ExitCode);
    }
}
