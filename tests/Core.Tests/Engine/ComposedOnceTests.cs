using KdPlugins.Core.Tests.Support;
using KdPlugins.Testing;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What a recipe names is made once for a run or a check, and its data are opened once for all seeds.</summary>
public sealed class ComposedOnceTests : IDisposable
{
    private const string Prepared = """
        "baseline": true,
        "prepare": [ { "name": "teacher", "role": "teacher",
                       "strategy": { "id": "supervised", "options": { "role": "teacher" } },
                       "losses": [ { "id": "cross-entropy" } ] } ],
        """;

    // Every section in the recipe, that of the baseline's phase and its loss among them.
    private static readonly string[] Sections =
    [
        "augmentation/proof-mix 1",
        "dataset/shapes 2",
        "generator/proof-generator 1",
        "loss/cross-entropy 3",
        "loss/kd 1",
        "meter/classification 1",
        "model/tiny 2",
        "strategy/offline 1",
        "strategy/supervised 2",
    ];

    private static readonly string[] Splits = ["fingerprint 2", "test 1", "train 2"];

    private readonly CountingCatalog _counted = new(EngineRun.Catalog);
    private readonly RecipeRun _runs = new(EngineRun.Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string seeds, string prepared = Prepared) =>
        $$"""
            { "name": "once", "seeds": {{seeds}},
              "dataset": { "id": "shapes", "options": { "size": 8, "train": 32, "test": 16 } },
              "sources": { "ood": { "id": "shapes", "options": { "size": 8, "train": 20, "test": 16 } } },
              "models": { "teacher": { "id": "tiny", "options": { "width": 8 } }, "student": { "id": "tiny" } },
              "augmentations": { "teacher": [ { "id": "proof-mix" } ] },
              "generators": { "main": { "id": "proof-generator" } },
              "losses": [ { "id": "cross-entropy" }, { "id": "kd" } ], "strategy": { "id": "offline" },
              {{prepared}}
              "evaluation": { "meters": [ { "id": "classification" } ] },
              "training": { "epochs": 1, "batchSize": 16 } }
            """;

    private void Run(string recipe, bool rehearse)
    {
        using var plugins = new MadePlugins(_counted);
        var read = RecipeReader.ReadText(recipe, ".", RecipeOverrides.None, plugins);
        var options = new SessionOptions { Rehearse = rehearse };
        Experiment.Run(read, _runs.Path("run"), plugins, options, new(), CancellationToken.None);
    }

    [Fact]
    public void A_check_makes_each_section_once()
    {
        using (var plugins = new MadePlugins(_counted))
        {
            var read = RecipeReader.ReadText(Recipe("[1]"), ".", RecipeOverrides.None, plugins);
            Preflight.Run(read, plugins, new() { Samples = 8 });
        }
        Assert.Equal(Sections, _counted.Made);
        Assert.Equal(Splits, _counted.Opened);
        Assert.Equal(0, _counted.Live);
    }

    [Fact]
    public void A_run_makes_each_section_once()
    {
        Run(Recipe("[1]"), rehearse: false);
        Assert.Equal(Sections, _counted.Made);
        Assert.Equal(Splits, _counted.Opened);
        Assert.Equal(0, _counted.Live);
    }

    // A rehearsal changes what it is taken with; data it only reads.
    [Fact]
    public void A_rehearsal_has_plugins_of_its_own_and_reads_the_same_data()
    {
        Run(Recipe("[1]"), rehearse: true);
        Assert.Equal(Twice(Sections), _counted.Made);
        Assert.Equal(Splits, _counted.Opened);
        Assert.Equal(0, _counted.Live);
    }

    [Fact]
    public void Each_seed_has_plugins_of_its_own_and_reads_the_same_data()
    {
        Run(Recipe("[1, 2]"), rehearse: false);
        Assert.Equal(Twice(Sections), _counted.Made);
        Assert.Equal(Splits, _counted.Opened);
        Assert.Equal(0, _counted.Live);
    }

    [Fact]
    public void A_later_seed_is_what_it_would_be_alone()
    {
        Run(Recipe("[1, 2]"), rehearse: false);
        _runs.Whole(Recipe("[2]"), "alone");
        foreach (var name in (string[])["teacher", "student", "student-last", "baseline"])
            Assert.Equal(
                _runs.Sha256("alone", $"{name}.safetensors"),
                _runs.Sha256("run/seed-2", $"{name}.safetensors")
            );
    }

    // Without the catalog that keeps them, and for what is read and never run, nobody keeps an instance.
    [Fact]
    public void What_nobody_takes_is_disposed()
    {
        using (var plugins = new MadePlugins(_counted))
            RecipeReader.ReadText(Recipe("[1]"), ".", RecipeOverrides.None, plugins);
        Assert.Equal(0, _counted.Live);
        RecipeReader.ReadText(Recipe("[1]"), ".", RecipeOverrides.None, _counted);
        Assert.Equal(0, _counted.Live);
    }

    [Fact]
    public void A_recipe_is_written_once()
    {
        var read = _runs.Read(Recipe("[1]"));
        Assert.Same(read.ToResolvedJson(), read.ToResolvedJson());
        Assert.Equal(read.ToResolvedJson(), _runs.Read(Recipe("[1]")).ToResolvedJson());
        Assert.NotEqual(read.ToResolvedJson(), _runs.Read(Recipe("[2]")).ToResolvedJson());
    }

    private static IEnumerable<string> Twice(string[] counts) =>
        counts
            .Select(c => c.Split(' '))
            .Select(c => c[0] == "dataset/shapes" ? $"{c[0]} {c[1]}" : $"{c[0]} {2 * int.Parse(c[1])}");
}
