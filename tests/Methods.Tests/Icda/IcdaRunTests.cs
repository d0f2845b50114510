using KdPlugins.Augmentations;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Icda.Tests;

/// <summary>Whole runs by the engine: on images and on text, alone and together with other methods' parts.</summary>
public sealed class IcdaRunTests : IDisposable
{
    private const string Flip = """{ "id": "horizontal-flip" }, { "id": "normalise" }""";
    private const string AllLosses = """{ "id": "cross-entropy" }, { "id": "kd" }, { "id": "icd" }""";
    private const string Symmetric = """{ "viewMode": "symmetric", "includeSameView": true, "kdOn": "same" }""";

    private static readonly TestCatalog Catalog = new TestCatalog(
        typeof(ShapesPlugin),
        typeof(CifarResNetPlugin),
        typeof(HorizontalFlipAugmentation),
        typeof(NormaliseAugmentation),
        typeof(CutmixAugmentation),
        typeof(CrossEntropyLoss),
        typeof(KdLoss),
        typeof(Meters.ClassificationMeter),
        typeof(OfflineStrategy),
        typeof(IcdLoss),
        typeof(IcdaStrategy)
    ).With(typeof(SentencesPlugin), typeof(WordDropout), typeof(BagModel), typeof(PickHalf));

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Images(string options, string student, string losses = AllLosses) =>
        $$"""
            { "name": "icda", "dataset": { "id": "shapes", "options": { "size": 8, "train": 54, "test": 16 } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
                          "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": { "teacher": [ {{Flip}} ], "student": [ {{student}} ] },
              "losses": [ {{losses}} ], "strategy": { "id": "icda", "options": {{options}} },
              "training": { "epochs": 2, "batchSize": 16 } }
            """;

    private static string Text(string strategy, string views) =>
        $$"""
            { "name": "icda", "dataset": { "id": "test-sentences" },
              "models": { "teacher": { "id": "test-bag" }, "student": { "id": "test-bag" } },
              "augmentations": { {{views}} },
              "losses": [ {{AllLosses}} ], "strategy": {{strategy}},
              "training": { "epochs": 3, "batchSize": 8 } }
            """;

    private static string Dropout(int filler, int seed = 0) =>
        $$"""[ { "id": "test-word-dropout", "options": { "filler": {{filler}}, "seed": {{seed}} } } ]""";

    private static string Strategy(string options = "{}") => $$"""{ "id": "icda", "options": {{options}} }""";

    private byte[] Weights(string run)
    {
        using var file = SafeTensorsFile.Open(Path.Combine(_runs.Path(run), "student-last.safetensors"));
        return [.. file.Entries.Keys.Order(StringComparer.Ordinal).SelectMany(key => file.Bytes(key).ToArray())];
    }

    private void ResumesExactly(string recipe, int steps)
    {
        _runs.Whole(recipe, "whole");
        var (_, sittings) = _runs.Pieces(recipe, "pieces", steps);
        Assert.True(sittings > 2);
        Assert.Equal(
            _runs.Sha256("whole", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
    }

    [Theory]
    [InlineData("{}")]
    [InlineData(Symmetric)]
    public void A_run_on_images_in_pieces_ends_where_the_whole_one_does(string options) =>
        ResumesExactly(Images(options, Flip), 2);

    [Theory]
    [InlineData("{}")]
    [InlineData(Symmetric)]
    public void Views_are_made_by_any_two_pipelines_of_any_data_such_as_text(string options)
    {
        var recipe = Text(Strategy(options), $""" "teacher": {Dropout(0)}, "student": {Dropout(1)} """);
        ResumesExactly(recipe, 5);
    }

    [Fact]
    public void Golden_8_equal_pipelines_with_one_seed_are_plain_ICD_bit_for_bit()
    {
        var (same, other) = (Dropout(0, seed: 5), Dropout(0, seed: 6));
        _runs.Whole(Text("""{ "id": "offline" }""", $""" "shared": {same} """), "plain");
        _runs.Whole(Text(Strategy(), $""" "teacher": {same}, "student": {same} """), "dual");
        _runs.Whole(Text(Strategy(), $""" "teacher": {other}, "student": {same} """), "apart");
        Assert.Equal(Weights("plain"), Weights("dual"));
        Assert.NotEqual(Weights("plain"), Weights("apart"));
    }

    [Fact]
    public void Equal_pipelines_draw_independently_for_teacher_and_student()
    {
        _runs.Whole(Text(Strategy(), $""" "teacher": {Dropout(0)}, "student": {Dropout(0)} """), "dual");
        _runs.Whole(Text(Strategy(), $""" "shared": {Dropout(0)} """), "single");
        Assert.NotEqual(Weights("dual"), Weights("single"));
    }

    [Theory]
    [InlineData("""{ "kdOn": "cross" }""")]
    [InlineData("""{ "kdOn": "same" }""")]
    [InlineData(Symmetric)]
    public void CutMix_on_the_students_side_goes_with_it(string options) =>
        Completes(Images(options, """{ "id": "cutmix" }, """ + Flip));

    [Theory]
    [InlineData("{}")]
    [InlineData("""{ "kdOn": "same" }""")]
    [InlineData(Symmetric)]
    public void An_augmentation_that_mixes_and_picks_by_the_teachers_answers_goes_with_it(string options) =>
        ResumesExactly(Images(options, """{ "id": "cutmix" }, { "id": "test-pick-half" }, """ + Flip), 2);

    [Theory]
    [InlineData("""{ "id": "icd" }""")]
    [InlineData("""{ "id": "cross-entropy" }, { "id": "icd", "options": { "alpha": 0, "dimension": 3 } }""")]
    [InlineData("""{ "id": "cross-entropy" }, { "id": "kd" }""")]
    public void Any_losses_go_with_it(string losses) => Completes(Images("{}", Flip, losses));

    [Theory]
    [InlineData("""{ "includeSameView": true }""", "viewMode")]
    [InlineData("""{ "viewMode": "both" }""", "symmetric")]
    public void A_recipe_with_options_that_do_not_fit_is_refused_by_name(string options, string named) =>
        Assert.Contains(named, Assert.ThrowsAny<Exception>(() => _runs.Read(Images(options, Flip))).Message);

    private void Completes(string recipe)
    {
        var report = _runs.Whole(recipe, "run");
        Assert.InRange((double)report["student"]!["test_accuracy"]!["last"]!, 0, 1);
        Assert.Equal(6, (long)report["steps"]!);
    }
}
