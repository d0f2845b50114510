using System.Text.Json.Nodes;
using KdPlugins.Host.Loading.Packages;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Recipes that come with plugins, and are asked for by name.</summary>
[Collection("commands")]
public sealed class RecipesTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    // A plugin folder, one of whose plugins has a recipe.
    private string WithRecipe(string plugin = "Losses", string name = "mini.json")
    {
        var plugins = Directory.Exists(_kd.At("plugins")) ? _kd.At("plugins") : _kd.CopyPlugins();
        var file = Path.Combine(plugins, plugin, "recipes", name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, $"// What it shows. And more.\n{Kd.Recipe}");
        return plugins;
    }

    private static IReadOnlyList<(string Name, string Plugin, string Summary)> Listed(string plugins) =>
        [
            .. Assert.Single(Kd.Call("recipes", "--json", "--plugins", plugins).Lines)["recipes"]!
                .AsArray()
                .Select(r => ((string)r!["name"]!, (string)r["plugin"]!, (string)r["summary"]!)),
        ];

    [Fact]
    public void Every_method_that_ships_brings_recipes_with_a_line_each()
    {
        var listed = Listed(Kd.Plugins);
        Assert.Contains(("icda", "Icda"), listed.Select(r => (r.Name, r.Plugin)));
        Assert.Contains(("studies/infer-student", "Infer"), listed.Select(r => (r.Name, r.Plugin)));
        Assert.Contains(("quickstart", ""), listed.Select(r => (r.Name, r.Plugin)));
        Assert.All(listed, r => Assert.True(r.Summary.Length > 0, $"{r.Name} begins with no comment."));
        Assert.Equal(listed.Count, listed.Select(r => r.Name).Distinct().Count());
        var table = Kd.Call("recipes", "--plugins", Kd.Plugins).Output;
        Assert.All(listed, r => Assert.Contains($"{r.Name} ", table));
        Assert.All(table.Split('\n'), line => Assert.InRange(line.Length, 0, 160));
    }

    [Fact]
    public void A_recipe_is_shown_as_it_is()
    {
        var plugins = WithRecipe();
        var text = File.ReadAllText(Path.Combine(plugins, "Losses/recipes/mini.json"));
        Assert.Equal(text.TrimEnd(), Kd.Call("recipes", "mini", "--plugins", plugins).Output.TrimEnd());
        var line = Assert.Single(Kd.Call("recipes", "mini", "--json", "--plugins", plugins).Lines);
        Assert.Equal(text, (string)line["text"]!);
        Assert.Equal([("mini", "Losses", "What it shows.")], Listed(plugins).Where(r => r.Plugin.Length > 0));
    }

    [Fact]
    public void A_comment_of_one_endless_word_is_cut()
    {
        var plugins = WithRecipe();
        File.WriteAllText(Path.Combine(plugins, "Losses/recipes/word.json"), $"// {new string('w', 300)}\n{{}}");
        var listed = Kd.Call("recipes", "--plugins", plugins);
        Assert.True(listed.ExitCode == 0, listed.Error);
        Assert.Contains($"{new string('w', 100)} ...", listed.Output);
    }

    [Fact]
    public void A_run_by_name_keeps_its_paths_where_it_was_started()
    {
        var plugins = WithRecipe(name: "deep/mini.json");
        Assert.Equal(0, Kd.Call("check", "deep/mini", "--plugins", plugins).ExitCode);
        var run = Kd.Call([
            "run",
            "deep/mini",
            "--out",
            _kd.At("run"),
            "--max-steps-per-stage",
            "1",
            "--plugins",
            plugins,
        ]);
        Assert.True(run.ExitCode == 0, run.Error);
        var origin = JsonNode.Parse(File.ReadAllText(_kd.At("run/origin.json")))!;
        Assert.Equal(Environment.CurrentDirectory, (string)origin["recipeFolder"]!);
        Assert.Equal(Path.Combine(plugins, "Losses/recipes/deep/mini.json"), (string)origin["recipe"]!);
    }

    [Fact]
    public void A_file_comes_before_a_name()
    {
        var plugins = WithRecipe();
        var file = _kd.Write("mini", Kd.Recipe.Replace("\"tiny\"", "\"own\""));
        var run = Kd.Call("run", file, "--out", _kd.At("run"), "--max-steps-per-stage", "1", "--plugins", plugins);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.StartsWith("own in ", run.Output);
    }

    [Theory]
    [InlineData("mino", "Did you mean 'mini'?")]
    [InlineData("", "No plugin has a recipe ''.")]
    [InlineData("../Losses/recipes/mini", "No plugin has")]
    [InlineData("Models:mini", "No plugin has")]
    public void A_name_that_none_has_is_refused(string name, string says)
    {
        var plugins = WithRecipe();
        foreach (
            string[] command in (string[][])
                [
                    ["run", name],
                    ["check", name],
                    ["recipes", name],
                ]
        )
        {
            var result = Kd.Call([.. command, "--plugins", plugins]);
            Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
            Assert.StartsWith("KDP0129 ", result.Error);
            Assert.Contains(says, result.Error);
        }
        Assert.StartsWith("KDP02", Kd.Call("run", "mino.json", "--plugins", plugins).Error);
    }

    [Fact]
    public void Of_a_name_that_two_plugins_use_the_plugin_is_asked_for()
    {
        WithRecipe();
        var plugins = WithRecipe("Models");
        var result = Kd.Call("recipes", "mini", "--plugins", plugins);
        Assert.StartsWith("KDP0129 ", result.Error);
        Assert.Contains("Losses:mini, Models:mini", result.Error);
        Assert.Equal(0, Kd.Call("check", "Models:mini", "--plugins", plugins).ExitCode);
    }

    [Fact]
    public void What_is_refused_or_replaced_offers_none_and_a_recipe_that_cannot_be_read_hides_no_other()
    {
        var plugins = WithRecipe();
        WithRecipe("Models", "far/away/other.json");
        File.WriteAllText(Path.Combine(plugins, "Models/recipes/empty.json"), "");
        File.WriteAllText(Path.Combine(plugins, "Models/recipes/large.json"), new string(' ', (1 << 20) + 1));
        File.WriteAllText(Path.Combine(plugins, "Models/recipes/notes.txt"), "none");
        Kd.Copy(Path.Combine(plugins, "Losses"), Path.Combine(plugins, "Older"));
        File.WriteAllText(Path.Combine(plugins, "Datasets/KdPlugins.Datasets.dll"), "no assembly");
        WithRecipe("Datasets", "refused.json");
        var listed = Listed(plugins).Where(r => r.Plugin.Length > 0).ToList();
        Assert.Equal(
            [("empty", "Models", ""), ("far/away/other", "Models", "What it shows."), ("large", "Models", "")],
            listed.Where(r => r.Plugin == "Models")
        );
        Assert.Equal("mini", Assert.Single(listed, r => r.Plugin != "Models").Name);
        Assert.StartsWith("KDP0804 ", Kd.Call("recipes", "large", "--plugins", plugins).Error);
    }

    [Fact]
    public void A_package_carries_its_recipes()
    {
        var plugins = WithRecipe();
        var packed = PackageWriter.Pack(Path.Combine(plugins, "Losses"), new()).Bytes;
        Directory.Delete(Path.Combine(plugins, "Losses"), recursive: true);
        File.WriteAllBytes(Path.Combine(plugins, "losses.kdplugin"), packed);
        Assert.Equal("losses.kdplugin", Listed(plugins).Single(r => r.Name == "mini").Plugin);
        Assert.Equal(0, Kd.Call("check", "mini", "--plugins", plugins).ExitCode);
    }
}
