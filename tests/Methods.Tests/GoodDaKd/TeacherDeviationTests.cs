using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.GoodDaKd.Tests.Maths;
using KdPlugins.Testing;

namespace KdPlugins.GoodDaKd.Tests;

public sealed class TeacherDeviationTests : IDisposable
{
    private const string Strategy = """{ "id": "t-stddev", "options": { "stepsPerGroup": 2 } }""";
    private readonly RecipeRun _run = new(Recipes.Catalog);

    public void Dispose() => _run.Dispose();

    private JsonNode Report(string run) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(_run.Path(run), "outputs", "t-stddev", "t-stddev.json")))!;

    [Fact]
    public void A_run_in_pieces_measures_what_a_whole_one_does()
    {
        // 81 training samples are five steps per epoch: groups run on across its end, and the last step fills none.
        var recipe = Recipes
            .Shapes(Strategy, "", """{ "id": "cut-mix-pick" }""")
            .Replace("\"epochs\": 2", "\"epochs\": 5");
        _run.Whole(recipe, "whole");
        var (_, sittings) = _run.Pieces(recipe, "pieces", 3);
        Assert.True(sittings > 2);
        Assert.Equal(Report("whole").ToJsonString(), Report("pieces").ToJsonString());
        var report = Report("whole");
        Assert.Equal(12, report["groups"]!.GetValue<double>());
        var value = report["tStddev"]!.GetValue<double>();
        Assert.InRange(value, 1e-6, 0.2);
        Assert.InRange(report["lower"]!.GetValue<double>(), 0, value * 1.05);
        Assert.InRange(report["entropy"]!.GetValue<double>(), 0.01, Math.Log(3));
        Assert.True(Recipes.Steps(_run, "whole")[^1].ContainsKey("t-stddev"));
    }

    [Fact]
    public void It_agrees_with_a_plain_loop_over_the_teachers_answers()
    {
        // Without anything random before it, and without a view of the student's, both streams are the same samples.
        var text = Recipes.Shapes(Strategy).Replace("{ \"id\": \"horizontal-flip\" }, ", "");
        _run.Whole(text, "measured");
        var report = Report("measured");
        var expected = new List<double[]>();
        SpyStrategy.Seen.Value = expected;
        using var spy = new RecipeRun(Recipes.Catalog.With(typeof(SpyStrategy)));
        spy.Whole(text.Replace(Strategy, """{ "id": "spy" }"""), "spy");
        Assert.Equal(5, report["groups"]!.GetValue<double>());
        var groups = expected
            .Chunk(2)
            .Take(5)
            .Select(steps => (double[])[.. Enumerable.Range(0, 3).Select(c => steps.Average(s => s[c]))]);
        Assert.Equal(GroupDeviation.Value([.. groups]), report["tStddev"]!.GetValue<double>(), 7);
    }

    [Fact]
    public void A_teacher_that_always_says_the_same_does_not_deviate()
    {
        const string table = """{ "atZero": [4, 0], "atOne": [4, 0] }""";
        _run.Whole(
            Recipes.Table(table, "{}", Strategy.Replace("2 }", "1 }"), """{ "student": [ { "id": "mark" } ] }"""),
            "same"
        );
        var report = Report("same");
        Assert.Equal(0, report["tStddev"]!.GetValue<double>());
        Assert.Equal(3, report["groups"]!.GetValue<double>());
        // Too few groups for an interval.
        Assert.Null(report["lower"]);
        var p = 1 / (1 + Math.Exp(-4));
        Assert.Equal(-p * Math.Log(p) - (1 - p) * Math.Log(1 - p), report["entropy"]!.GetValue<double>(), 1e-6);
    }

    [Fact]
    public void A_run_without_a_single_group_is_refused_before_it_begins()
    {
        var steps = 0;
        GroupDeviationTests.Refused(
            CoreErrors.WrongCombination,
            "too few for a group of 9",
            () => _run.Observed(Recipes.Table("{}", "{}", Strategy.Replace("2 }", "9 }"), "{}"), "short", _ => steps++)
        );
        Assert.Equal(0, steps);
    }

    [Fact]
    public void A_trial_that_ends_within_the_first_group_has_no_deviation()
    {
        _run.Whole(Recipes.Table("{}", "{}", Strategy.Replace("2 }", "3 }"), "{}"), "trial", maxStepsPerStage: 2);
        var report = Report("trial");
        Assert.Equal(0, report["groups"]!.GetValue<double>());
        Assert.Null(report["tStddev"]);
    }
}
