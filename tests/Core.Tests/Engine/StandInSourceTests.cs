using KdPlugins.Datasets;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>A data set without test split as the data of any strategy: sources stand in for what it lacks.</summary>
public sealed class StandInSourceTests : IDisposable
{
    private const string Shapes = """ "id": "shapes", "options": { "size": 8, "train": 64, "test": 32 } """;

    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(DistilledSetPlugin)));

    public void Dispose() => _runs.Dispose();

    private void WriteSet(long classes = 12)
    {
        using var scope = NewDisposeScope();
        var folder = Directory.CreateDirectory(_runs.Path("set")).FullName;
        var data = Stubs.Data([3, 8, 8], classes);
        var tensors = new Dictionary<string, Tensor>
        {
            ["images"] = arange(20 * 192).to(ScalarType.Float32).view(20, 3, 8, 8).sin(),
            ["labels"] = arange(20, ScalarType.Int64) % 10,
            ["soft"] = ones(20, classes) / classes,
        };
        DistilledSet.Write(folder, "set", data, new Dictionary<string, string>(), tensors);
    }

    private static string Recipe(string strategy, string losses, string target, string sources) =>
        $$"""
            { "name": "stand-in", "strategy": { "id": "{{strategy}}" },
              "dataset": { "id": "distilled-set", "options": { "path": "set", "target": "{{target}}" } },
              "sources": { {{sources}} },
              "models": { "teacher": { "id": "tiny" }, "student": { "id": "tiny" } },
              "losses": [ {{losses}} ], "training": { "epochs": 2, "batchSize": 8 } }
            """;

    private static string Both =>
        $$"""
            "validation": { "split": "train", {{Shapes}} }, "test": { "split": "test", {{Shapes}} }
            """;

    [Theory]
    [InlineData("supervised", """{ "id": "cross-entropy" }""", "labels")]
    [InlineData("supervised", """{ "id": "cross-entropy" }""", "soft")]
    [InlineData("offline", """{ "id": "kd" }""", "none")]
    [InlineData("offline", """{ "id": "kd" }, { "id": "cross-entropy" }""", "auto")]
    public void A_distilled_set_trains_with_any_strategy(string strategy, string losses, string target)
    {
        WriteSet();
        var report = _runs.Whole(Recipe(strategy, losses, target, Both), "run");

        // 32 test images of shapes; 2 epochs of 2 batches, nothing is carved from the 20 images.
        var confusion = report["student"]!["confusion"]!.AsArray().Sum(r => r!.AsArray().Sum(n => (long)n!));
        Assert.Equal(32, confusion);
        Assert.Equal(4, (long)report["steps"]!);
        Assert.NotNull(report["student"]!["best_epoch"]);
    }

    [Fact]
    public void A_source_called_test_takes_the_place_of_the_data_sets_own()
    {
        var recipe = $$"""
            { "name": "own", "strategy": { "id": "supervised" }, "dataset": { {{Shapes}} },
              "sources": { "test": { "id": "shapes", "split": "test", "options": { "size": 8, "test": 16 } } },
              "models": { "student": { "id": "tiny" } },
              "losses": [ { "id": "cross-entropy" } ], "training": { "epochs": 1, "batchSize": 8 } }
            """;
        var confusion = _runs.Whole(recipe, "run")["student"]!["confusion"]!.AsArray();
        Assert.Equal(16, confusion.Sum(r => r!.AsArray().Sum(n => (long)n!)));
    }

    [Fact]
    public void A_stand_in_of_other_classes_is_refused_before_the_run()
    {
        WriteSet(classes: 10);
        var recipe = Recipe("supervised", """{ "id": "cross-entropy" }""", "labels", Both);
        var failure = Assert.Throws<KdException>(() => _runs.Whole(recipe, "run"));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("inputs [3, 8, 8] of 12 classes", failure.Message);
        Assert.Contains("inputs [3, 8, 8] of 10 classes", failure.Message);
    }
}
