namespace KdPlugins.Host.Tests.Commands;

/// <summary>Runs whose files were edited, damaged or never came to be: every command says so and does what is left to do.</summary>
[Collection("commands")]
public sealed class DamageTests : IClassFixture<RunTests.TinyRun>, IDisposable
{
    private readonly Kd _kd = new();
    private readonly string _folder;

    public DamageTests(RunTests.TinyRun tiny)
    {
        _folder = _kd.At("run");
        Kd.Copy(tiny.Folder, _folder);
    }

    public void Dispose() => _kd.Dispose();

    private string In(string name) => Path.Combine(_folder, name);

    private static void Edit(string file, string text, string other)
    {
        var before = File.ReadAllText(file);
        var after = before.Replace(text, other);
        Assert.NotEqual(before, after);
        File.WriteAllText(file, after);
    }

    [Fact]
    public void An_edited_recipe_of_a_finished_run_is_refused_and_no_page_shows_it()
    {
        var page = File.ReadAllText(In("report.html"));
        Edit(In("recipe.json"), "\"epochs\": 2", "\"epochs\": 8");
        foreach (
            var more in (string[][])
                [
                    [],
                    ["--override-changes"],
                ]
        )
        {
            var result = Kd.Call(["resume", _folder, .. more]);
            Assert.Equal(ExitCodes.Damaged, result.ExitCode);
            Assert.StartsWith("KDP0616 ", result.Error);
            Assert.Equal("", result.Output);
        }
        Assert.Equal(page, File.ReadAllText(In("report.html")));
        Assert.Contains("\"done\"", File.ReadAllText(In("status.json")));

        Assert.Equal(0, Kd.Call("report", _folder).ExitCode);
        var made = File.ReadAllText(In("report.html"));
        Assert.DoesNotContain("\"epochs\": 8", made);
        Assert.Contains("\"epochs\": 2", made);
        Assert.Contains("The recipe that was run is shown.", made);
        // Without the origin nobody knows what was run.
        File.Delete(In("origin.json"));
        Assert.Equal(0, Kd.Call("report", _folder).ExitCode);
        Assert.DoesNotContain("\"epochs\"", File.ReadAllText(In("report.html")));
    }

    [Fact]
    public void Other_words_for_the_same_recipe_are_no_change()
    {
        Edit(In("recipe.json"), "\"epochs\": 2", "\"epochs\":    2");
        var result = Kd.Call("resume", _folder);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("The run is done; there is nothing to go on with.", result.Output);
        Assert.DoesNotContain("recipe.json", File.ReadAllText(In("report.html")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{ \"state\": \"asleep\" }")]
    public void A_damaged_status_is_said_and_stops_nobody(string status)
    {
        File.WriteAllText(In("status.json"), status);
        Assert.Equal(0, Kd.Call("compare", _folder).ExitCode);
        Assert.Equal(0, Kd.Call("eval", _folder).ExitCode);
        Assert.Equal(0, Kd.Call("report", _folder).ExitCode);
        Assert.Contains("status.json: KDP0607 ", File.ReadAllText(In("report.html")));
        Assert.Equal(status, File.ReadAllText(In("status.json")));
        var result = Kd.Call("resume", _folder, "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("written anew", result.Output);
        Assert.Contains("\"done\"", File.ReadAllText(In("status.json")));
        Assert.DoesNotContain("KDP0607", File.ReadAllText(In("report.html")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{ \"format\": \"1.0\"")]
    public void A_damaged_report_is_named_and_made_anew(string report)
    {
        File.WriteAllText(In("report.json"), report);
        Assert.StartsWith("KDP0804 ", Kd.Call("compare", _folder).Error);
        Assert.Equal(0, Kd.Call("resume", _folder).ExitCode);
        Assert.Equal(0, Kd.Call("compare", _folder).ExitCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{ \"recipe\": 3 }")]
    [InlineData("{ \"recipe\": \"a\", \"recipe\": \"b\" }")]
    public void A_damaged_origin_is_named_and_the_cure_works(string origin)
    {
        var copy = File.ReadAllText(In("origin.json"));
        File.WriteAllText(In("origin.json"), origin);
        foreach (var command in (string[])["resume", "eval"])
        {
            var result = Kd.Call(command, _folder);
            Assert.Equal(ExitCodes.Damaged, result.ExitCode);
            Assert.StartsWith("KDP0803 ", result.Error);
        }
        // Who names a recipe needs no origin.
        string[] named = ["eval", _folder, "--recipe", _kd.TinyRecipe(), "--plugins", Kd.Plugins];
        Assert.Equal(0, Kd.Call(named).ExitCode);
        Assert.Equal(0, Kd.Call("report", _folder).ExitCode);
        File.WriteAllText(In("origin.json"), copy);
        Assert.Equal(0, Kd.Call("resume", _folder).ExitCode);
    }

    [Fact]
    public void Compare_shows_the_complete_runs_and_names_the_others()
    {
        var young = Directory.CreateDirectory(_kd.At("young")).FullName;
        var text = Kd.Call("compare", young, _folder, _kd.At("none"));
        Assert.Equal(ExitCodes.Damaged, text.ExitCode);
        Assert.Contains(" student ", text.Output);
        Assert.Contains($"'{young}' has no report.json: the run is not complete.", text.Output);
        Assert.Contains($"There is no folder '{_kd.At("none")}'.", text.Output);
        var json = Kd.Call("compare", _folder, young, "--json");
        Assert.Equal(ExitCodes.Damaged, json.ExitCode);
        var runs = Assert.Single(json.Lines)["runs"]!.AsArray();
        Assert.Null(runs[0]!["code"]);
        Assert.Equal("KDP0804", runs[1]!["code"]!.GetValue<string>());
        Assert.Null(runs[1]!["report"]);
        Assert.StartsWith("KDP0804 ", Kd.Call("compare", young, young).Error);
    }

    // Two batches of one: the last maps are of one pixel.
    [Fact]
    public void A_batch_of_one_at_maps_of_one_pixel_is_refused_by_check_and_run()
    {
        var recipe = _kd.Write(
            "one.json",
            """
            { "name": "one", "dataset": { "id": "shapes", "options": { "train": 12, "test": 8, "size": 8 } },
              "models": { "student": { "id": "resnet", "options": { "depth": 10, "width": 4 } } },
              "losses": [ { "id": "cross-entropy" } ], "strategy": { "id": "supervised" },
              "training": { "epochs": 1, "batchSize": 1 } }
            """
        );
        foreach (
            var args in (string[][])
                [
                    ["check", recipe],
                    ["run", recipe, "--out", _kd.At("one")],
                ]
        )
        {
            var result = Kd.Call([.. args, "--plugins", Kd.Plugins]);
            Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
            Assert.StartsWith(
                "KDP0707 Layer 'layer4.0.bn1' (BatchNorm2d) of the network of 'student' got [1, 32, 1, 1]",
                result.Error
            );
        }
        // A single sample to train on makes such batches, whatever the recipe's batch size is.
        string[] few =
        [
            "--set",
            "training.batchSize=64",
            "--set",
            "dataset.options.train=2",
            "--set",
            "validation={\"count\":1}",
        ];
        Assert.StartsWith(
            "KDP0707 ",
            Kd.Call(["run", recipe, "--out", _kd.At("few"), "--plugins", Kd.Plugins, .. few]).Error
        );
    }
}
