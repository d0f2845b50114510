using System.Text.Json.Nodes;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Plugins as the commands show them, refused ones among them.</summary>
[Collection("commands")]
public sealed class PluginCommandTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public void List_shows_what_ships()
    {
        var line = Assert.Single(Kd.Call("plugins", "list", "--plugins", Kd.Plugins, "--json").Lines);
        var plugin = line["plugins"]!.AsArray().Single(p => p!["id"]!.GetValue<string>() == "kd")!;
        Assert.Equal(("loss", "active"), (Text(plugin, "kind"), Text(plugin, "state")));
        Assert.Matches("^[0-9a-f]{64}$", Text(plugin, "sha256"));
        Assert.Matches(
            @"loss\s+kd\s+\d+\.\d+\.\d+\s+Losses\s+active",
            Kd.Call("plugins", "list", "--plugins", Kd.Plugins).Output
        );
    }

    [Fact]
    public void A_refused_plugin_is_listed_with_its_reason_and_costs_exit_code_3_where_it_is_needed()
    {
        using var root = new PluginRoot()
            .Add(
                "Grumpy",
                PluginCompiler.Loss("grumpy", "public MyLoss() => throw new InvalidOperationException(\"not today\");")
            )
            .Write("Junk/Junk.dll", "no assembly");
        var list = Kd.Call("plugins", "list", "--plugins", root.Path);
        Assert.Equal(0, list.ExitCode);
        Assert.Contains("KDP0102", list.Output);
        var verify = Kd.Call("plugins", "verify", "--plugins", root.Path);
        Assert.Equal(ExitCodes.PluginRefused, verify.ExitCode);
        Assert.StartsWith("KDP0805 ", verify.Error);
        Assert.Contains("not today", verify.Error);
        Assert.Contains("Junk", verify.Error);
        var describe = Kd.Call("describe", "grumpy", "--plugins", root.Path);
        Assert.Equal((ExitCodes.PluginRefused, true), (describe.ExitCode, describe.Error.Contains("not today")));
        var recipe = _kd.Write("r.json", """{ "name": "r", "losses": [ { "id": "grumpy" } ] }""");
        var run = Kd.Call("run", recipe, "--plugins", root.Path);
        Assert.Equal(ExitCodes.PluginRefused, run.ExitCode);
        Assert.Contains("not today", run.Error);
    }

    [Fact]
    public void Options_are_described_in_their_authors_words_with_bounds_and_default()
    {
        var text = Kd.Call("describe", "kd", "--plugins", Kd.Plugins).Output;
        Assert.Contains("What both logits are divided by before the softmax", text);
        Assert.Contains("0.01 to 1000; default 4.", text);
        var schema = System.Text.Json.Nodes.JsonNode.Parse(Kd.Call("schema", "--plugins", Kd.Plugins).Output)!;
        using var host = Host.Commands.PluginHost.Load(Kd.Plugins);
        foreach (var plugin in host.Catalog.Plugins)
        {
            // Recipes name no tool.
            var options =
                plugin.Kind == Core.PluginKind.Tool
                    ? System.Text.Json.Nodes.JsonNode.Parse(Core.RecipeSchema.Options(plugin))!
                    : schema["$defs"]![$"{plugin.Kind}.{plugin.Id}".ToLowerInvariant()]!;
            Assert.All(
                options["properties"]!.AsObject(),
                option => Assert.True(option.Value!["description"] is not null, $"{plugin.Id}: {option.Key}")
            );
        }
    }

    [Fact]
    public void A_folder_that_is_not_there_cannot_be_approved()
    {
        using var root = new PluginRoot();
        var result = Kd.Call("plugins", "lock", "Nobody", "--plugins", root.Path);
        Assert.Equal(ExitCodes.PluginRefused, result.ExitCode);
        Assert.StartsWith("KDP0101 ", result.Error);
        Assert.Contains("Nobody", result.Error);
    }

    [Fact]
    public void Verify_makes_every_shipped_plugin_and_unloads_it()
    {
        var result = Kd.Call("plugins", "verify", "--plugins", Kd.Plugins, "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        var line = Assert.Single(result.Lines);
        Assert.Empty(line["problems"]!.AsArray());
        Assert.True(line["plugins"]!.GetValue<int>() >= 9);
    }

    [Fact]
    public void Explain_says_where_a_plugin_comes_from()
    {
        var result = Kd.Call("plugins", "explain", "kd", "--plugins", Kd.Plugins);
        Assert.Contains("loss 'kd'", result.Output);
        Assert.Contains("KdPlugins.Sdk", result.Output);
        var line = Assert.Single(Kd.Call("plugins", "explain", "kd", "--plugins", Kd.Plugins, "--json").Lines);
        Assert.NotEmpty(line["assemblies"]!.AsArray());
    }

    [Fact]
    public void Describe_shows_options_with_types_bounds_and_defaults()
    {
        var text = Kd.Call("describe", "shapes", "--plugins", Kd.Plugins).Output;
        Assert.Contains("dataset 'shapes'", text);
        Assert.Contains("size: integer or array of integer, at least 8, at most 256, default 16", text);
        Assert.Contains("""target: one of "class", "mask", "boxes", default "class" """.TrimEnd(), text);
        var line = Assert.Single(Kd.Call("describe", "shapes", "--plugins", Kd.Plugins, "--json").Lines);
        Assert.Equal(16, line["options"]!["properties"]!["size"]!["default"]!.GetValue<int>());
    }

    [Fact]
    public void Describe_of_a_wrong_id_names_the_nearest()
    {
        var result = Kd.Call("describe", "shape", "--plugins", Kd.Plugins);
        Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
        Assert.Contains("shapes", result.Error);
    }

    [Fact]
    public void Schema_goes_to_the_output_or_into_a_file()
    {
        var text = Kd.Call("schema", "--plugins", Kd.Plugins).Output;
        Assert.Contains("shapes", JsonNode.Parse(text)!["$defs"]!["dataset"]!.ToJsonString());
        var file = _kd.At("kd.schema.json");
        Assert.Equal(0, Kd.Call("schema", "--plugins", Kd.Plugins, "--out", file).ExitCode);
        Assert.Equal(text.TrimEnd(), File.ReadAllText(file).TrimEnd());
        var lost = Kd.Call("schema", "--plugins", Kd.Plugins, "--out", _kd.At("no/such/folder/kd.schema.json"));
        Assert.NotEqual(0, lost.ExitCode);
    }

    [Fact]
    public void A_plugin_that_another_one_replaces_is_named_before_anything_is_done()
    {
        var plugins = _kd.CopyPlugins();
        Directory.CreateDirectory(Path.Combine(plugins, "Mine"));
        File.WriteAllBytes(
            Path.Combine(plugins, "Mine", "Mine.dll"),
            PluginCompiler.Compile("Mine", PluginCompiler.Loss("pkt", arguments: ", Version = \"99.0.0\""))
        );
        const string expected = "is not used: 'Mine' has 99.0.0.";
        string[][] commands =
        [
            ["plugins", "verify"],
            ["check", _kd.TinyRecipe(), "--out", _kd.At("out")],
            ["run", _kd.TinyRecipe(), "--out", _kd.At("run"), "--max-steps-per-stage", "1"],
        ];
        foreach (var command in commands)
        {
            var said = Kd.Call([.. command, "--plugins", plugins]).Output;
            Assert.Contains("KDP0112 loss 'pkt' ", said);
            Assert.Contains(expected, said);
            Assert.Single(said.Split(expected)[1..]);
        }
        var line = Kd.Call("plugins", "verify", "--plugins", plugins, "--json").Lines.Single();
        Assert.Contains(expected, (string)Assert.Single(line["warnings"]!.AsArray())!);
    }

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();
}
