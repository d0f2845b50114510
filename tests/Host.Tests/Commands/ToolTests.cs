using System.Text.Json.Nodes;
using KdPlugins.Host.Commands;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>A tool of a plugin that nothing here knows: a command with options, help, text and JSON.</summary>
[Collection("commands")]
public sealed class ToolTests : IClassFixture<RunTests.TinyRun>, IDisposable
{
    private readonly Kd _kd = new();
    private readonly RunTests.TinyRun _tiny;
    private readonly string _plugins;

    public ToolTests(RunTests.TinyRun tiny)
    {
        _tiny = tiny;
        _plugins = _kd.CopyPlugins();
        Kd.Copy(PluginRoot.FixtureOutput("MeterPlugin"), Path.Combine(_plugins, "MeterPlugin"));
    }

    public void Dispose() => _kd.Dispose();

    private KdResult Look(params string[] more) =>
        Kd.Call([
            "look",
            _kd.TinyRecipe(),
            "--set",
            $"models.teacher.weights={JsonValue.Create(Path.Combine(_tiny.Folder, "teacher.safetensors")).ToJsonString()}",
            "--plugins",
            _plugins,
            .. more,
        ]);

    [Fact]
    public void It_finds_what_an_evaluation_finds()
    {
        var eval = Kd.Call("eval", _tiny.Folder, "--role", "teacher", "--plugins", _plugins, "--json");
        var accuracy = (double)Assert.Single(eval.Lines)["values"]!["accuracy"]!;
        var json = Look("--role", "teacher", "--json", "--tell-more");
        Assert.True(json.ExitCode == 0, json.Error);
        Assert.Equal(["looked", "look"], json.Lines.Select(l => (string?)l["event"]));
        Assert.Equal(32, (long)json.Lines[0]["samples"]!);
        var found = json.Lines[1];
        Assert.Equal(
            (accuracy, accuracy),
            (Math.Round((double)found["share"]!, 6), Math.Round((double)found["engine"]!, 6))
        );
        Assert.Equal("NaN", (string?)found["nothing"]);

        var text = Look("--role", "teacher");
        Assert.True(text.ExitCode == 0, text.Error);
        var percent = $"{100 * accuracy:0.00} %";
        Assert.Equal(
            $"\nrole     right\n-------  {new string('-', percent.Length)}\nteacher  {percent}\n\n32 samples of 'test'.\n",
            text.Output
        );
    }

    [Fact]
    public void Its_options_are_those_of_the_command_line()
    {
        string[] all =
        [
            "--role",
            "teacher",
            "--source",
            "validation",
            "--times",
            "5",
            "--scale",
            "0",
            "--tell-more",
            "--tag",
            "a b",
            "--tag",
            "c",
            "--numbers",
            "[1, 2]",
            "--by",
            "entropy",
            "--note",
            "7",
            "--json",
        ];
        var result = Look(all);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(6, result.Lines.Count);
        var line = result.Lines[^1];
        Assert.Equal("""["a b","c"]""", line["tags"]!.ToJsonString());
        Assert.Equal(
            ("Entropy", "7", 3, 0.0, 7),
            (
                (string?)line["by"],
                (string?)line["note"],
                (int)line["numbers"]!,
                (double)line["share"]!,
                (int)line["batchSize"]!
            )
        );
        line = Look("--role", "teacher", "--json").Lines[^1];
        Assert.Equal(("MostLikely", 16), ((string?)line["by"], (int)line["batchSize"]!));
    }

    [Theory]
    [InlineData("KDP0801", 1, "'--role' is required")]
    [InlineData("KDP0801", 1, "'--times'", "--role", "teacher", "--times", "often")]
    [InlineData("KDP0206", 2, "times", "--role", "teacher", "--times", "6")]
    [InlineData("KDP0206", 2, "by", "--role", "teacher", "--by", "luck")]
    [InlineData("KDP02", 2, "numbers", "--role", "teacher", "--numbers", "one")]
    [InlineData("KDP0301", 2, "asks the role 'nobody'", "--role", "nobody")]
    [InlineData("KDP0306", 2, "--set models.student.weights=FILE", "--role", "student")]
    [InlineData("KDP0305", 2, "'nowhere'", "--role", "teacher", "--source", "nowhere")]
    [InlineData("KDP0801", 1, "'--nonsense'", "--role", "teacher", "--nonsense")]
    public void What_does_not_fit_is_one_failure_with_its_code(string code, int exit, string part, params string[] more)
    {
        var result = Look(more);
        Assert.Equal((exit, ""), (result.ExitCode, result.Output));
        Assert.StartsWith(code, result.Error);
        Assert.Contains(part, result.Error);
    }

    [Fact]
    public void An_option_that_every_command_has_is_its_authors_fault()
    {
        var result = Kd.Call("grabby", _kd.TinyRecipe(), "--plugins", _plugins);
        Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
        Assert.StartsWith("KDP0382 The tool 'grabby' has an option '--set', which every command has.", result.Error);
    }

    [Fact]
    public void Without_a_recipe_or_with_one_that_is_not_there_it_fails_as_every_command()
    {
        var missing = Kd.Call("look", "--role", "teacher", "--plugins", _plugins);
        Assert.Equal(ExitCodes.Failed, missing.ExitCode);
        Assert.StartsWith("KDP0801 ", missing.Error);
        var nowhere = Kd.Call("look", _kd.At("none.json"), "--role", "teacher", "--plugins", _plugins);
        Assert.Equal(ExitCodes.BadRecipe, nowhere.ExitCode);
        Assert.StartsWith("KDP0211 ", nowhere.Error);
    }

    [Fact]
    public void The_help_has_it_and_its_options()
    {
        var root = Kd.Call("--help", "--plugins", _plugins);
        Assert.Equal(0, root.ExitCode);
        Assert.Matches(@"\n  look <RECIPE> +Looks at a network's answers\.\n", root.Output);
        var own = Kd.Call("look", "--help", "--plugins", _plugins);
        Assert.True(own.ExitCode == 0, own.Error);
        Assert.Matches(@"--role <ROLE> \(REQUIRED\) +The role that is looked at\.", own.Output);
        Assert.Matches(@"--source <source> +The source of the samples\. \[default: test\]", own.Output);
        Assert.Matches(@"--tell-more +Says how far it is\.\n", own.Output);
        Assert.Contains("<RECIPE>", own.Output);
    }

    [Fact]
    public void It_is_listed_verified_and_described_like_other_plugins()
    {
        Assert.Matches(
            @"tool\s+look\s+1\.0\.0\s+MeterPlugin\s+active",
            Kd.Call("plugins", "list", "--plugins", _plugins).Output
        );
        var verified = Kd.Call("plugins", "verify", "--plugins", _plugins);
        Assert.True(verified.ExitCode == 0, verified.Error);
        Assert.DoesNotContain("warning", verified.Output);
        var described = Kd.Call("describe", "look", "--plugins", _plugins).Output;
        Assert.Contains("tool 'look' 1.0.0: Looks at a network's answers.", described);
        Assert.Contains("  times: integer, at least 1, at most 5, default 1", described);
    }

    [Theory]
    [InlineData("lok", "Did you mean 'look'")]
    [InlineData("rnu", "Did you mean 'run'?")]
    [InlineData("elephant", "Unrecognized command or argument 'elephant'. ")]
    public void A_word_that_nobody_has_is_told_with_the_nearest(string word, string part)
    {
        var result = Kd.Call(word, "--plugins", _plugins);
        Assert.Equal(ExitCodes.Failed, result.ExitCode);
        Assert.StartsWith("KDP0801 Unrecognized command or argument", result.Error);
        Assert.Contains(part, result.Error);
    }

    [Fact]
    public void A_tool_of_a_refused_plugin_says_why_it_cannot_be_used()
    {
        File.WriteAllText(Path.Combine(_plugins, "MeterPlugin", "plugin.json"), """{ "sdk": "[99.0]" }""");
        var result = Look("--role", "teacher");
        Assert.Equal(ExitCodes.PluginRefused, result.ExitCode);
        Assert.Contains("'MeterPlugin' cannot be used", result.Error);
        Assert.DoesNotContain("  look ", Kd.Call("--help", "--plugins", _plugins).Output);
    }
}
