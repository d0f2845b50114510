namespace KdPlugins.Host.Tests.Commands;

/// <summary>What people type by mistake.</summary>
[Collection("commands")]
public sealed class UsageTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Theory]
    [InlineData("run")]
    [InlineData("run", "a.json", "b.json")]
    [InlineData("run", "a.json", "--max-steps-per-stage", "-1")]
    [InlineData("run", "a.json", "--max-steps-per-stage", "many")]
    [InlineData("run", "a.json", "--threads", "0")]
    [InlineData("run", "a.json", "--nonsense")]
    [InlineData("resume")]
    [InlineData("compare")]
    [InlineData("export")]
    [InlineData("predict", "run")]
    [InlineData("plugins")]
    [InlineData("plugins", "eat")]
    [InlineData("fly")]
    [InlineData("run", "@response.txt", "--out")]
    public void Wrong_arguments_are_one_line_and_exit_code_1(params string[] args)
    {
        var result = Kd.Call(args);
        Assert.Equal(ExitCodes.Failed, result.ExitCode);
        Assert.StartsWith("KDP0801 ", result.Error);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.Empty(result.Output);
    }

    [Fact]
    public void With_json_a_usage_failure_is_a_json_line()
    {
        var failure = Kd.Call("run", "--json").Failure;
        Assert.Equal("KDP0801", failure["code"]!.GetValue<string>());
        Assert.Equal(1, failure["exitCode"]!.GetValue<int>());
    }

    [Fact]
    public void Help_and_no_command_at_all_list_commands_and_exit_codes()
    {
        foreach (
            string[] args in (string[][])
                [
                    ["--help"],
                    [],
                ]
        )
        {
            var result = Kd.Call(args);
            Assert.Equal(0, result.ExitCode);
            foreach (
                var command in (string[])
                    [
                        "run",
                        "resume",
                        "check",
                        "eval",
                        "export",
                        "predict",
                        "compare",
                        "plugins",
                        "schema",
                        "describe",
                        "probe",
                    ]
            )
                Assert.Contains($"  {command} ", result.Output);
            foreach (var (code, meaning) in ExitCodes.Table)
                Assert.Contains($"{code, -4} {meaning}", result.Output);
        }
    }

    [Fact]
    public void A_recipe_that_is_not_there_is_exit_code_2()
    {
        var result = Kd.Call("run", _kd.At("none.json"), "--plugins", _kd.At("no-plugins"));
        Assert.Equal((ExitCodes.BadRecipe, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("KDP0211 ", result.Error);
    }

    [Fact]
    public void Every_failure_of_a_recipe_is_an_entry_of_the_json_line()
    {
        var recipe = _kd.Write("bad.json", """{ "name": "bad", "sed": 1, "training": { "epochs": -1 } }""");
        var failure = Kd.Call("run", recipe, "--plugins", Kd.Plugins, "--json").Failure;
        Assert.Equal(2, failure["exitCode"]!.GetValue<int>());
        var paths = failure["failures"]!.AsArray().Select(f => f!["path"]!.GetValue<string>()).ToList();
        Assert.Contains("sed", paths);
        Assert.Contains("training.epochs", paths);
    }

    [Fact]
    public void A_trace_is_shown_only_on_request()
    {
        Assert.DoesNotContain("   at ", Kd.Call("resume", _kd.At("none")).Error);
        Assert.Contains("   at ", Kd.Call("resume", _kd.At("none"), "--verbose").Error);
        Assert.Contains(
            "   at ",
            Kd.Call("resume", _kd.At("none"), "--verbose", "--json").Failure["trace"]!.ToString()
        );
    }

    [Fact]
    public void What_nobody_foresaw_is_named_and_exit_code_1()
    {
        // A path that no system call takes.
        var result = Kd.Call("run", "a\0b.json", "--plugins", _kd.At("no-plugins"));
        Assert.Equal(ExitCodes.Failed, result.ExitCode);
        Assert.StartsWith("KDP0800 ", result.Error);
    }
}
