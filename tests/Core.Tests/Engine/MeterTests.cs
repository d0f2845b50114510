using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Meters;
using KdPlugins.Testing;
using KdPlugins.Torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Which meters measure in a run, what they may give, and what becomes of it.</summary>
public sealed class MeterTests : IDisposable
{
    private static readonly Type[] Shipped =
    [
        typeof(ClassificationMeter),
        typeof(SegmentationMeter),
        typeof(TokensMeter),
    ];

    private readonly List<RecipeRun> _runs = [];

    public void Dispose() => _runs.ForEach(r => r.Dispose());

    private static string Recipe(string evaluation, string more = "") =>
        $$"""
            { "name": "measured", "device": "cpu",
              "dataset": { "id": "shapes", "options": { "size": 8, "train": 32, "test": 24 } },
              "models": { "student": { "id": "tiny" } }, "losses": [ { "id": "cross-entropy" } ],
              "strategy": { "id": "supervised" }, "training": { "epochs": 2, "batchSize": 16 },
              "evaluation": {{evaluation}} {{more}} }
            """;

    // The engine's other proofs with these meters alone.
    private RecipeRun Runs(params Type[] meters)
    {
        var others = EngineRun.Types.Where(t => !Shipped.Contains(t));
        var runs = new RecipeRun(new TestCatalog([.. others, .. meters]));
        _runs.Add(runs);
        return runs;
    }

    private JsonObject Run(string evaluation, params Type[] meters) => Runs(meters).Whole(Recipe(evaluation), "run", 1);

    private KdException Refused(string evaluation, params Type[] meters) =>
        Assert.ThrowsAny<KdException>(() => Run(evaluation, meters));

    private static string[] Measured(JsonObject report) =>
        [.. report["measures"]!.AsArray().Select(m => (string)m!["name"]!)];

    [Fact]
    public void A_recipe_that_says_nothing_is_measured_as_it_always_was()
    {
        var runs = Runs(Shipped);
        var report = runs.Whole(Recipe("{}"), "run", 1);
        string[] keys =
        [
            "test_accuracy",
            "test_loss",
            "test_top5",
            "parameters",
            "best_epoch",
            "sha256",
            "bytes",
            "confusion",
        ];
        Assert.Equal([.. keys, "drawings"], report["student"]!.AsObject().Select(e => e.Key));
        var events = File.ReadLines(Path.Combine(runs.Path("run"), "events.jsonl")).Select(l => JsonNode.Parse(l)!);
        var evaluation = events.First(e => (string?)e["kind"] == "evaluation")["values"]!.AsObject();
        Assert.Equal(
            ["student.validation.accuracy", "student.validation.loss", "student.validation.top5"],
            evaluation.Select(v => v.Key)
        );
        // Its identity too, which old runs are known by.
        var text = File.ReadAllText(Path.Combine(runs.Path("run"), "recipe.json"));
        Assert.Equal(["everyEpochs", "batchSize"], JsonNode.Parse(text)!["evaluation"]!.AsObject().Select(e => e.Key));
    }

    [Fact]
    public void A_meter_that_is_named_gives_all_it_has()
    {
        var report = Run("""{ "meters": [ { "id": "classification", "options": { "bins": 3 } } ] }""", Shipped);
        string[] more = ["balanced-accuracy", "macro-f1", "calibration-error"];
        Assert.Equal(["accuracy", "loss", "top5", .. more], Measured(report));
        Assert.All(more, name => Assert.NotNull(report["student"]!["test_" + name.Replace('-', '_')]));
        Assert.Contains(
            report["plugins"]!.AsArray(),
            p => (string)p!["id"]! == "classification" && (string)p["kind"]! == "meter"
        );
    }

    [Fact]
    public void The_value_that_chooses_heads_the_table_and_what_it_says_is_kept()
    {
        var report = Run("""{ "best": "calibration-error" }""", Shipped);
        Assert.Equal("calibration-error", Measured(report)[0]);
        Assert.True((bool)report["measures"]![0]!["chooses"]!);
        Assert.NotNull(report["student"]!["test_macro_f1"]);
    }

    [Fact]
    public void What_the_recipe_says_of_meters_comes_back_from_its_text()
    {
        var runs = Runs(Shipped);
        var read = runs.Read(Recipe("""{ "meters": [ { "id": "classification" } ], "best": "macro-f1" }"""));
        Assert.Equal("""{"bins":15}""", Assert.Single(read.Evaluation.Meters).Options);
        Assert.Equal("macro-f1", read.Evaluation.Best);
        Assert.Equal(read.Evaluation, runs.Read(read.ToResolvedJson()).Evaluation);
        Assert.NotEqual(read.Identity(), runs.Read(Recipe("{}")).Identity());
    }

    [Fact]
    public void The_only_meter_of_a_kind_measures_it_and_the_one_that_is_meant_for_it_goes_before_others()
    {
        Assert.Equal(["hits"], Measured(Run("{}", typeof(HitsMeter))));
        Assert.Equal(["hits"], Measured(Run("{}", typeof(GapsMeter), typeof(DefaultHitsMeter))));
    }

    [Fact]
    public void A_meter_that_cannot_be_asked_hides_no_other()
    {
        Assert.Equal(["hits"], Measured(Run("{}", typeof(NeedyMeter), typeof(BrokenMeter), typeof(HitsMeter))));
        var failure = Refused("{}", typeof(BrokenMeter));
        Assert.Same(CoreErrors.NoMeter, failure.Code);
        Assert.Contains("'sample-broken' cannot be asked: out of order", failure.Message);
    }

    [Fact]
    public void Where_it_is_not_clear_which_measures_the_recipe_has_to_say()
    {
        var failure = Refused("{}", typeof(DefaultHitsMeter), typeof(TwinMeter), typeof(GapsMeter));
        Assert.Same(CoreErrors.MeterChoice, failure.Code);
        Assert.Contains("several meters: sample-default, sample-twin.", failure.Message);
        Assert.Same(CoreErrors.MeterChoice, Refused("{}", typeof(HitsMeter), typeof(GapsMeter)).Code);
        Run(
            """{ "meters": [ { "id": "sample-twin" }, { "id": "sample-gaps" } ] }""",
            typeof(TwinMeter),
            typeof(GapsMeter)
        );
    }

    [Theory]
    [InlineData(typeof(SilentMeter), "states no value")]
    [InlineData(typeof(ShoutingMeter), "'HITS', which is no name in kebab-case")]
    [InlineData(typeof(EchoMeter), "states two values of one name")]
    [InlineData(typeof(UndecidedMeter), "chooses by 'misses', which is none of its basic values")]
    [InlineData(typeof(SurprisingMeter), "gives a value 'luck', which it does not state")]
    public void A_meter_that_breaks_its_contract_is_named(Type meter, string what)
    {
        var failure = Refused("{}", meter);
        Assert.Same(CoreErrors.MeterFault, failure.Code);
        Assert.Contains(what, failure.Message);
        Assert.Contains("'sample-", failure.Message);
    }

    [Fact]
    public void What_chooses_has_to_be_given()
    {
        var failure = Refused("{}", typeof(SpeechlessMeter));
        Assert.Same(CoreErrors.BestUnknown, failure.Code);
        Assert.Contains("'hits', which says nothing of this data", failure.Message);
    }

    [Fact]
    public void A_value_that_is_not_finite_ends_the_run()
    {
        var failure = Refused("{}", typeof(NanMeter));
        Assert.Same(TrainingErrors.EvaluationNotFinite, failure.Code);
        Assert.Contains("The hits of 'student' on 3 samples of 'validation' is NaN", failure.Message);
    }

    [Fact]
    public void Every_measurement_is_disposed_also_where_one_fails()
    {
        var before = SampleMeter.Open;
        Run("""{ "meters": [ { "id": "sample-hits" } ] }""", typeof(HitsMeter));
        Refused(
            """{ "meters": [ { "id": "sample-hits" }, { "id": "sample-sick" } ] }""",
            typeof(HitsMeter),
            typeof(SickMeter)
        );
        Assert.Equal(before, SampleMeter.Open);
    }

    [Fact]
    public void Over_several_seeds_bars_are_means_counts_are_sums_and_every_curve_is_there()
    {
        var runs = Runs(Shipped);
        var report = runs.Whole(Recipe("{}", """, "seeds": [1, 2]"""), "run", 1);
        JsonObject[] each =
        [
            .. ((string[])["seed-1", "seed-2"]).Select(s =>
                JsonNode.Parse(File.ReadAllText(Path.Combine(runs.Path("run"), s, "report.json")))![
                    "student"
                ]!.AsObject()
            ),
        ];
        static double[] Bars(JsonNode role) => [.. role["drawings"]![0]!["values"]!.AsArray().Select(v => Real(v!))];
        var bars = Bars(report["student"]!);
        for (var i = 0; i < bars.Length; i++)
            Assert.Equal((Bars(each[0])[i] + Bars(each[1])[i]) / 2, bars[i], 12);
        static long Sum(JsonNode role) => role["confusion"]!.AsArray().Sum(r => r!.AsArray().Sum(n => (long)n!));
        Assert.Equal(48, Sum(report["student"]!));
        var lines = report["student"]!["drawings"]![1]!["lines"]!.AsArray().Select(l => (string)l!["name"]!);
        Assert.Equal(["seed 1, measured", "seed 2, measured", "perfectly calibrated"], lines);
    }

    private static double Real(JsonNode node) =>
        double.Parse(node.ToJsonString().Trim('"'), System.Globalization.CultureInfo.InvariantCulture);
}
