using KdPlugins.Augmentations;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>Every loss with its defaults in a run with networks of the zoo, in bfloat16 too.</summary>
[Collection(EngineTests.Name)]
public sealed class LossRunTests : IDisposable
{
    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(KdLoss).Assembly,
        typeof(KdPlugins.Meters.ClassificationMeter).Assembly,
        typeof(ShapesPlugin).Assembly,
        typeof(CifarResNetPlugin).Assembly,
        typeof(NormaliseAugmentation).Assembly,
        typeof(OfflineStrategy).Assembly
    );

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    public static TheoryData<string, string, string> Pairs
    {
        get
        {
            var pairs = new TheoryData<string, string, string>();
            foreach (var id in LossUnderTest.Ids)
                pairs.Add(id, "cifar-resnet", "float32");
            pairs.Add("dkd", "cifar-resnet", "bf16");
            pairs.Add("sp", "cifar-resnet", "bf16");
            pairs.Add("rkd", "wrn", "float32");
            pairs.Add("at", "wrn", "float32");
            return pairs;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void The_student_learns_by_it_and_its_value_is_reported(string id, string teacher, string precision)
    {
        var report = _runs.Whole(Recipe(id, teacher, precision, 1), "run");
        Assert.NotEqual(Untrained.Value, (string)report["student"]!["sha256"]!);
        Assert.Contains($"\"{id}\":", File.ReadAllText(Path.Combine(_runs.Path("run"), "events.jsonl")));
    }

    // A student begins alike whatever the loss and the teacher are.
    private static readonly Lazy<string> Untrained = new(() =>
    {
        using var runs = new RecipeRun(Catalog);
        return (string)runs.Whole(Recipe("kd", "cifar-resnet", "float32", 0), "run")["student"]!["sha256"]!;
    });

    private static string Recipe(string id, string teacher, string precision, int epochs) =>
        $$"""
            { "name": "loss", "precision": "{{precision}}",
              "dataset": { "id": "shapes", "options": { "size": 8, "train": 48, "test": 16 } },
              "models": {
                "teacher": { "id": "{{teacher}}", "options": { "depth": {{(teacher == "wrn" ? 10 : 8)}} } },
                "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": { "shared": [ { "id": "normalise" } ] },
              "losses": [ { "id": "{{id}}" } ], "strategy": { "id": "offline" },
              "training": { "epochs": {{epochs}}, "batchSize": 16 } }
            """;
}
