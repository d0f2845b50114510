using System.Text.Json.Nodes;
using KdPlugins.Testing;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Everything that report.json promises, of one seed and of several.</summary>
public sealed class ReportTests : IDisposable
{
    private static readonly string[] Totals =
    [
        "steps",
        "samples",
        "seconds",
        "images_per_second",
        "data_wait_fraction",
        "peak_memory_bytes",
    ];

    private readonly RecipeRun _runs = new(EngineRun.Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Offline(string seeds) =>
        ProofTests.Recipes["offline"].Replace("\"name\": \"offline\"", $"\"name\": \"offline\", {seeds}");

    [Fact]
    public void A_report_has_results_hashes_times_and_what_the_run_was_made_of()
    {
        _runs.Whole(Offline("\"seed\": 5"), "run");
        var report = Read("run", "report.json");
        foreach (var role in (string[])["teacher", "baseline", "student"])
        {
            foreach (var metric in (string[])["test_accuracy", "test_top5"])
            foreach (var state in (string[])["last", "best"])
                Assert.InRange((double)report[role]![metric]![state]!, 0, 1);
            Assert.Equal(_runs.Sha256("run", $"{role}.safetensors"), (string)report[role]!["sha256"]!);
            Assert.True((long)report[role]!["best_epoch"]! >= 1);
            var confusion = report[role]!["confusion"]!.AsArray();
            Assert.Equal(12, confusion.Count);
            Assert.Equal(32, confusion.Sum(row => row!.AsArray().Sum(n => (long)n!)));
        }
        // 58 training samples: three batches of 16 per epoch, two of them and one in its updates, two epochs for each of three
        // networks.
        Assert.Equal(12, (long)report["steps"]!);
        Assert.Equal(18 * 16, (long)report["samples"]!);
        Assert.True((double)report["images_per_second"]! > 0);
        Assert.InRange((double)report["data_wait_fraction"]!, 0, 1);
        Assert.True((long)report["peak_memory_bytes"]! > 10 << 20);
        Assert.Equal(
            (5L, "offline", "student"),
            ((long)report["seed"]!, (string)report["method"]!, (string)report["result"]!)
        );
        Assert.Equal(12, report["data"]!["class_names"]!.AsArray().Count);
        Assert.Equal(32, (long)report["data"]!["samples"]!["test"]!);
        Assert.Matches("^[0-9a-f]{64}$", (string)report["hashes"]!["recipe"]!);
        Assert.NotEmpty(report["hashes"]!["data"]!.AsObject());
        var plugins = report["plugins"]!.AsArray().Select(p => $"{p!["kind"]}/{p["id"]}").ToList();
        Assert.Equal(report["hashes"]!["plugins"]!.AsObject().Select(e => e.Key), plugins);
        Assert.Contains("loss/kd", plugins);
        Assert.All(report["plugins"]!.AsArray(), p => Assert.Matches(@"^\d+\.\d+\.\d+", (string)p!["version"]!));
        // The same facts were there before the first step.
        foreach (var entry in Read("run", "provenance.json"))
            Assert.True(JsonNode.DeepEquals(entry.Value, report[entry.Key]), entry.Key);
    }

    [Fact]
    public void Over_seeds_there_are_means_deviations_totals_and_each_seeds_own()
    {
        _runs.Whole(Offline("\"seeds\": [1, 2]"), "run");
        var report = Read("run", "report.json");
        JsonObject[] each = [Read("run/seed-1", "report.json"), Read("run/seed-2", "report.json")];
        foreach (var role in (string[])["teacher", "baseline", "student"])
        {
            var pair = report[role]!["test_accuracy"]!;
            foreach (var (state, deviation) in ((string, string)[])[("last", "std"), ("best", "best_std")])
            {
                var values = each.Select(r => (double)r[role]!["test_accuracy"]![state]!).ToArray();
                Assert.Equal(values.Average(), (double)pair[state]!, 12);
                Assert.Equal(Math.Abs(values[0] - values[1]) / Math.Sqrt(2), (double)pair[deviation]!, 12);
            }
            Assert.Equal((double)pair["last"]!, (double)pair["mean"]!);
            Assert.Equal(
                each.Select(r => (string)r[role]!["sha256"]!),
                report[role]!["seeds"]!.AsArray().Select(s => (string)s!["sha256"]!)
            );
            Assert.Equal(64, report[role]!["confusion"]!.AsArray().Sum(row => row!.AsArray().Sum(n => (long)n!)));
        }
        Assert.Equal([1, 2], report["seeds"]!.AsArray().Select(s => (long)s!));
        Assert.Equal(each.Sum(r => (long)r["steps"]!), (long)report["steps"]!);
        Assert.Equal(each.Sum(r => (long)r["samples"]!), (long)report["samples"]!);
        Assert.Equal(each.Max(r => (long)r["peak_memory_bytes"]!), (long)report["peak_memory_bytes"]!);
        foreach (var (own, row) in each.Zip(report["runs"]!.AsArray()))
        {
            foreach (var key in Totals)
                Assert.Equal((double)own[key]!, (double)row![key]!);
            Assert.True(JsonNode.DeepEquals(own["hashes"], row!["hashes"]));
        }
    }

    [Fact]
    public void Waiting_and_the_peak_of_memory_count_earlier_sittings_too()
    {
        var (report, sittings) = _runs.Pieces(Offline("\"seed\": 1"), "run", 4);
        Assert.True(sittings > 2);
        Assert.InRange((double)report["data_wait_fraction"]!, 1e-9, 1);
        Assert.True((long)report["peak_memory_bytes"]! > 10 << 20);
    }

    [Fact]
    public void Sample_images_show_each_roles_view_in_the_range_of_images()
    {
        const string strategy = "\"strategy\": { \"id\": \"offline\" },";
        const string augmentations =
            "\"augmentations\": { \"student\": [ { \"id\": \"sample-affine\" } ], \"teacher\": [ { \"id\": \"sample-square\" } ] },";
        var recipe = ProofTests.Recipes["offline"].Replace(strategy, strategy + augmentations);
        Assert.Contains("sample-affine", recipe);
        var catalog = EngineRun.Catalog.With(typeof(SampleAffine), typeof(SampleSquare));
        using var runs = new RecipeRun(catalog);
        runs.Whole(recipe, "run", maxStepsPerStage: 1);
        using var file = SafeTensorsFile.Open(System.IO.Path.Combine(runs.Path("run"), "samples.safetensors"));
        using var scope = TorchSharp.torch.NewDisposeScope();
        var raw = file.ToTensor("raw");
        Assert.Equal([8, 3, 8, 8], raw.shape);
        Assert.True((file.ToTensor("view/student") - raw).abs().max().item<float>() < 1e-4f);
        Assert.Equal("image", file.Metadata["range/student"]);
        var square = file.ToTensor("view/teacher");
        Assert.Equal("stretched", file.Metadata["range/teacher"]);
        Assert.Equal((0f, 1f), (square.min().item<float>(), square.max().item<float>()));
        Assert.Equal(file.Bytes("labels").ToArray(), file.Bytes("target/student").ToArray());
    }

    private JsonObject Read(string run, string file) =>
        JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(_runs.Path(run), file)))!.AsObject();
}

/// <summary>What normalising does: an affine map that an evaluation has too.</summary>
[KdPlugins.Sdk.KdAugmentation("sample-affine")]
public sealed class SampleAffine : KdPlugins.Sdk.Augmentation<Proofs.TinyOptions>
{
    public override bool InEvaluation => true;

    public override Batch Apply(Batch batch, IPartContext context) => batch.WithInput((batch.Input - 0.4) / 0.2);
}

/// <summary>A map that cannot be undone by a line.</summary>
[KdPlugins.Sdk.KdAugmentation("sample-square")]
public sealed class SampleSquare : KdPlugins.Sdk.Augmentation<Proofs.TinyOptions>
{
    public override bool InEvaluation => true;

    public override Batch Apply(Batch batch, IPartContext context) => batch.WithInput(batch.Input * batch.Input + 3);
}
