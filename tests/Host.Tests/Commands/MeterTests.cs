using System.Text.Json.Nodes;
using System.Xml.Linq;
using KdPlugins.Host.Reports.Page;
using KdPlugins.Host.Service.Api;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>A detector's meter and one of texts, which nothing here knows: in tables, JSON and pages, and choosing the best state.</summary>
[Collection("commands")]
public sealed class MeterTests(MeterTests.Runs runs) : IClassFixture<MeterTests.Runs>
{
    /// <summary>One run of each kind, of five epochs; the student's parameter is -2, 0, 2, 4 and 6 at their ends.</summary>
    public sealed class Runs : IDisposable
    {
        private readonly Kd _kd = new();

        internal string Plugins { get; }

        internal KdResult Boxes { get; }

        internal KdResult Words { get; }

        public Runs()
        {
            Plugins = _kd.CopyPlugins();
            Kd.Copy(PluginRoot.FixtureOutput("MeterPlugin"), Path.Combine(Plugins, "MeterPlugin"));
            Boxes = Run("boxes", "aim", """{ "meters": [ { "id": "ap50" } ] }""");
            Words = Run(
                "words",
                "echo",
                """{ "meters": [ { "id": "tokens" }, { "id": "exact-match" } ], "best": "wrong-sequences" }"""
            );
        }

        internal string At(string name) => _kd.At(name);

        internal string Recipe(string data, string model, string evaluation) =>
            _kd.Write(
                $"{data}.json",
                $$"""
                { "name": "{{data}}", "device": "cpu", "dataset": { "id": "{{data}}" }, "validation": { "split": "test" },
                  "models": { "student": { "id": "{{model}}" } }, "strategy": { "id": "drift" },
                  "training": { "epochs": 5, "batchSize": 4,
                                "optimiser": { "name": "sgd", "learningRate": 1, "momentum": 0 },
                                "schedule": { "name": "constant" } },
                  "evaluation": {{evaluation}} }
                """
            );

        internal KdResult Run(string data, string model, string evaluation, params string[] more) =>
            Kd.Call([
                "run",
                Recipe(data, model, evaluation),
                "--plugins",
                Plugins,
                "--out",
                At($"run-{data}"),
                .. more,
            ]);

        internal JsonObject Report(string data) =>
            JsonNode.Parse(File.ReadAllText(Path.Combine(At($"run-{data}"), "report.json")))!.AsObject();

        internal XElement Page(string data) =>
            XDocument
                .Parse(File.ReadAllText(Path.Combine(At($"run-{data}"), "report.html"))["<!DOCTYPE html>".Length..])
                .Root!;

        public void Dispose() => _kd.Dispose();
    }

    [Fact]
    public void A_detectors_meter_chooses_the_best_state_and_is_in_the_table()
    {
        Assert.True(runs.Boxes.ExitCode == 0, runs.Boxes.Error + runs.Boxes.Output);
        // At 0 every box is found, behind a false one of class 0: (0.5 + 1) / 2. Moved by 2 or more the small ones are missed.
        Assert.Contains("student on validation: ap50 75.00 %, boxes 24", runs.Boxes.Output);
        Assert.Matches(@"role\s+test ap50, last\s+test ap50, best", runs.Boxes.Output);
        Assert.Matches(@"student\s+25\.00 %\s+75\.00 %", runs.Boxes.Output);
        var student = runs.Report("boxes")["student"]!;
        Assert.Equal(2, (int)student["best_epoch"]!);
        Assert.Equal((0.25, 0.75), ((double)student["test_ap50"]!["last"]!, (double)student["test_ap50"]!["best"]!));
        Assert.Equal(24, (double)student["test_boxes"]!["best"]!);
    }

    [Fact]
    public void A_text_metric_where_lower_is_better_chooses_the_best_state()
    {
        Assert.True(runs.Words.ExitCode == 0, runs.Words.Error + runs.Words.Output);
        Assert.Contains("student on validation: wrong-sequences 0, exact-match 100.00 %, loss ", runs.Words.Output);
        Assert.Contains("student on validation: wrong-sequences 8, exact-match 0.00 %, loss ", runs.Words.Output);
        var student = runs.Report("words")["student"]!;
        Assert.Equal(2, (int)student["best_epoch"]!);
        Assert.Equal(
            (0, 1),
            ((double)student["test_wrong_sequences"]!["best"]!, (double)student["test_exact_match"]!["best"]!)
        );
        Assert.Equal(8, (double)student["test_wrong_sequences"]!["last"]!);
        // The shipped meter beside it.
        Assert.True(student["test_perplexity"] is JsonObject && student["test_loss"] is JsonObject);
    }

    [Fact]
    public void The_files_say_what_the_numbers_are_and_what_chose()
    {
        string[] Said(string data) =>
            [
                .. runs.Report(data)["measures"]!
                    .AsArray()
                    .Select(m => $"{m!["name"]} {m["unit"]} {m["higher_is_better"]} {m["chooses"]}"),
            ];
        Assert.Equal(["ap50 share true true", "boxes boxes true false"], Said("boxes"));
        Assert.Equal(
            [
                "wrong-sequences sequences false true",
                "perplexity  false false",
                "loss nats false false",
                "exact-match share true false",
            ],
            Said("words")
        );
        var kinds = runs.Report("boxes")["student"]!["drawings"]!.AsArray().Select(d => $"{d!["kind"]} {d["name"]}");
        Assert.Equal(["bars ap50-by-class", "curve precision-recall"], kinds);
    }

    [Fact]
    public void The_page_shows_both_and_what_the_meter_draws()
    {
        var boxes = runs.Page("boxes");
        var text = boxes.Value;
        Assert.Contains("test ap50, best on validation", text);
        Assert.Contains("Evaluation: ap50", text);
        Assert.Contains("student, best state: AP50 by class.", text);
        Assert.Contains("student: Precision by recall, precision", text);
        var bars = boxes.Descendants("table").Single(t => t.Attribute("class")?.Value == "facts numbers bars");
        Assert.Equal(
            ["large | 50.00 % | width:50.0%", "small | 100.00 % | width:100.0%"],
            bars.Descendants("tbody")
                .Single()
                .Elements()
                .Select(r =>
                    $"{r.Element("th")!.Value} | {r.Elements("td").First().Value} | {r.Descendants("span").Single().Attribute("style")!.Value}"
                )
        );
        var words = runs.Page("words").Value;
        Assert.Contains("test wrong sequences, best on validation", words);
        Assert.Contains("Evaluation: wrong-sequences (sequences)", words);
        Assert.Contains("Evaluation: exact-match", words);
    }

    [Fact]
    public void The_service_ranks_and_formats_its_curves()
    {
        var curves = RunCurves.Read(runs.At("run-boxes"), 100);
        var (found, boxes) = (curves.Single(c => c.Name == "ap50"), curves.Single(c => c.Name == "boxes"));
        Assert.Equal((true, 0, 0.75), (found.IsShare, found.Rank, found.Points.Max(p => p[1])));
        Assert.Equal((false, 1), (boxes.IsShare, boxes.Rank));
        Assert.All(curves.Where(c => c.Source.Length == 0), c => Assert.Equal(-1, c.Rank));
    }

    [Fact]
    public void Evaluating_a_file_gives_the_same_as_json()
    {
        var result = Kd.Call("eval", runs.At("run-boxes"), "--plugins", runs.Plugins, "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        var line = Assert.Single(result.Lines);
        Assert.Equal(0.75, (double)line["values"]!["ap50"]!);
        Assert.Equal("bars", (string?)line["drawings"]![0]!["kind"]);
    }

    [Fact]
    public void They_are_listed_and_described_like_other_plugins()
    {
        var list = Kd.Call("plugins", "list", "--plugins", runs.Plugins).Output;
        Assert.Matches(@"meter\s+ap50\s+1\.0\.0\s+MeterPlugin\s+active", list);
        Assert.Matches(@"meter\s+classification\s+1\.0\.0\s+Meters\s+active", list);
        var described = Kd.Call("describe", "classification", "--plugins", runs.Plugins).Output;
        Assert.Contains("meter 'classification' 1.0.0: ", described);
        Assert.Contains("1 to 1000, default 15.", described);
        Assert.Contains("  loss: nats, lower is better\n", described);
        Assert.Contains(
            "  macro-f1: share, higher is better, where a recipe names meters or what chooses\n",
            described
        );
        var line = Assert.Single(Kd.Call("describe", "exact-match", "--plugins", runs.Plugins, "--json").Lines);
        Assert.Equal("wrong-sequences", (string?)line["values"]![1]!["name"]);
        Assert.False((bool)line["values"]![1]!["higherIsBetter"]!);
    }

    [Theory]
    [InlineData(
        """{ "meters": [ { "id": "ap50" } ], "best": "ap75" }""",
        "KDP0373",
        "no meter of the recipe gives 'ap75'"
    )]
    [InlineData("""{ "meters": [ { "id": "ap50" }, { "id": "ap50" } ] }""", "KDP0371", "'ap50' gives 'ap50'")]
    [InlineData("""{ "best": "accuracy" }""", "KDP0373", "nothing measures on 'validation'")]
    [InlineData(
        """{ "meters": [ { "id": "tokens" } ] }""",
        "KDP0370",
        "No meter of the recipe takes targets of the kind Boxes"
    )]
    [InlineData("""{ "meters": [ { "id": "ap5" } ] }""", "KDP0201", "Did you mean 'ap50'?")]
    public void What_does_not_fit_is_said_by_the_check(string evaluation, string code, string part)
    {
        var result = Kd.Call("check", runs.Recipe("boxes", "aim", evaluation), "--plugins", runs.Plugins);
        Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
        Assert.Contains(code, result.Error);
        Assert.Contains(part, result.Error);
    }

    [Fact]
    public void Without_the_meters_that_ship_the_check_says_what_is_missing()
    {
        using var kd = new Kd();
        var plugins = kd.CopyPlugins();
        Directory.Delete(Path.Combine(plugins, "Meters"), recursive: true);
        var result = Kd.Call("check", kd.TinyRecipe(), "--plugins", plugins);
        Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
        Assert.StartsWith("KDP0370 ", result.Error);
        Assert.Contains("targets of the kind ClassIndex: no meter is installed", result.Error);
    }
}
