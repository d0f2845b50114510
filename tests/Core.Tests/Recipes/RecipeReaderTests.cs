using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using Xunit;

namespace KdPlugins.Core.Tests.Recipes;

public sealed class RecipeReaderTests
{
    [Fact]
    public void What_a_recipe_leaves_out_has_its_default()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Smallest);

        Assert.Equal([1L], recipe.Seeds);
        Assert.Equal("auto", recipe.Device);
        Assert.Equal("float32", recipe.Precision);
        Assert.Equal(0.1, recipe.Validation.Fraction);
        Assert.Equal(TrainingSection.Default, recipe.Training);
        Assert.Equal(EvaluationSection.Default, recipe.Evaluation);
        Assert.Equal(CheckpointSection.Default, recipe.Checkpoints);
        Assert.Equal(1.0, recipe.Losses[0].Weight);
        Assert.Equal("""{"temperature":4,"taps":[],"top":null,"shares":{}}""", recipe.Losses[0].Loss.Options);
        Assert.Empty(recipe.Prepare);
        Assert.Equal(["shared", "student", "teacher"], recipe.Augmentations.Select(a => a.Role));
        Assert.All(recipe.Augmentations, a => Assert.Empty(a.Chain));
    }

    [Fact]
    public void Every_key_of_the_format_arrives()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Full);

        Assert.Equal([1L, 2L, 3L], recipe.Seeds);
        Assert.Equal(50, recipe.Validation.Count);
        Assert.Null(recipe.Validation.Fraction);
        Assert.Equal("""{"samples":300}""", recipe.Dataset.Options);
        Assert.Equal(
            ("proxy", "folder", "val"),
            (recipe.Sources[0].Name, recipe.Sources[0].Dataset.Id, recipe.Sources[0].Split)
        );
        Assert.Equal("""{"depth":8,"activation":"leaky-relu","width":1}""", recipe.Model("student").Model.Options);
        Assert.Equal("""{"depth":32,"activation":"relu","width":0.25}""", recipe.Model("teacher").Model.Options);
        Assert.Equal(
            """{"temperature":2.5,"taps":["a","b"],"top":3,"shares":{"a":0.5,"z":1}}""",
            recipe.Losses[1].Loss.Options
        );
        Assert.Equal(["flip", "random-crop"], recipe.AugmentationsOf("student").Select(p => p.Id));
        Assert.Equal("noise", recipe.Generators[0].Generator.Id);
        Assert.Equal(
            ("adamw", 1e-3, 0.8, 1e-6),
            (
                recipe.Training.Optimiser.Name,
                recipe.Training.Optimiser.LearningRate,
                recipe.Training.Optimiser.Beta1,
                recipe.Training.Optimiser.Epsilon
            )
        );
        Assert.Equal([0.5, 0.75], recipe.Training.Schedule.Milestones);
        Assert.Equal((2L, 128L), (recipe.Evaluation.EveryEpochs, recipe.Evaluation.BatchSize));
        Assert.Equal(("sample-hits", "misses"), (recipe.Evaluation.Meters[0].Id, recipe.Evaluation.Best));
        Assert.Equal(
            (10L, 0L, 3L),
            (recipe.Checkpoints.EverySteps, recipe.Checkpoints.EverySeconds, recipe.Checkpoints.Keep)
        );
    }

    [Fact]
    public void A_source_called_validation_stands_in_for_what_is_carved()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Smallest, """sources.validation={"id":"shapes"}""");

        Assert.True(recipe.Validation.IsOfSource);
        Assert.DoesNotContain("\"validation\": {\n    \"fraction\"", recipe.ToResolvedJson());
        Assert.Equal(recipe, SampleRecipes.Read(recipe.ToResolvedJson()));
    }

    [Fact]
    public void A_role_like_another_has_its_architecture_but_not_its_weights()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Full);

        Assert.Equal(recipe.Model("student").Model, recipe.Model("other").Model);
        Assert.Equal("o.safetensors", recipe.Model("other").Weights.Path);
        Assert.False(recipe.Model("student").HasWeights);
        Assert.Null(recipe.Model("nobody"));
    }

    [Fact]
    public void Likeness_goes_through_several_roles()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Smallest, """models.third={"like":"student"}""");

        Assert.Equal(recipe.Model("teacher").Model, recipe.Model("third").Model);
    }

    [Fact]
    public void A_phase_changes_single_values_of_the_main_training()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Full);
        var phase = recipe.Prepare[0];

        Assert.Equal(("pretrain", "teacher", true), (phase.Name, phase.Role, phase.Once));
        Assert.Equal(9, phase.Training.Epochs);
        Assert.Equal(0.1, phase.Training.Optimiser.LearningRate);
        Assert.Equal(recipe.Training.Optimiser.Beta1, phase.Training.Optimiser.Beta1);
        Assert.Equal(recipe.Training.BatchSize, phase.Training.BatchSize);
        Assert.Equal(recipe.Training.Schedule, phase.Training.Schedule);
    }

    [Fact]
    public void A_phase_with_only_a_role_trains_it_by_cross_entropy()
    {
        var phase = SampleRecipes.Read(SampleRecipes.Full).Prepare[1];

        Assert.Equal(("other", "other"), (phase.Name, phase.Role));
        Assert.Equal(("supervised", """{"role":"other"}"""), (phase.Strategy.Id, phase.Strategy.Options));
        Assert.Equal(["cross-entropy"], phase.Losses.Select(l => l.Loss.Id));
    }

    [Fact]
    public void A_phase_with_a_strategy_takes_the_main_losses_and_the_strategys_own_role()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Smallest, """prepare[0]={"strategy":{"id":"offline"}}""");

        Assert.Equal(recipe.Losses, recipe.Prepare[0].Losses);
        Assert.Equal("student", recipe.Prepare[0].Role);
    }

    [Fact]
    public void A_baseline_is_a_role_like_the_result_with_its_views_and_a_supervised_phase()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Full);
        var phase = recipe.Prepare[^1];

        Assert.Equal(recipe.Model("student").Model, recipe.Model("baseline").Model);
        Assert.Equal(recipe.AugmentationsOf("student"), recipe.AugmentationsOf("baseline"));
        Assert.Equal(("baseline", "baseline", false), (phase.Name, phase.Role, phase.Once));
        Assert.Equal("""{"role":"baseline"}""", phase.Strategy.Options);
        Assert.Equal(recipe.Training, phase.Training);
    }

    [Fact]
    public void A_baseline_that_the_recipe_describes_is_taken_as_it_is()
    {
        var recipe = SampleRecipes.Read(
            SampleRecipes.Smallest,
            "baseline=true",
            """models.baseline={"id":"cifar-resnet","options":{"depth":32}}""",
            """prepare[0]={"role":"baseline","training":{"epochs":77}}"""
        );

        Assert.Contains("32", recipe.Model("baseline").Model.Options, StringComparison.Ordinal);
        Assert.Equal([77L], recipe.Prepare.Select(p => p.Training.Epochs));
    }

    [Fact]
    public void Settings_reach_any_place_and_beat_the_environment()
    {
        var environment = new Dictionary<string, string>
        {
            ["KD_RECIPE__training__epochs"] = "3",
            ["KD_RECIPE__training__batchSize"] = "16",
            ["KD_RECIPE__losses__1__options__temperature"] = "8",
            ["KD_RECIPE__NAME"] = "from-environment",
            ["HOME"] = "/root",
        };
        var overrides = new RecipeOverrides(
            ["training.epochs=5", "losses[0].weight=0.25", "device=cpu", "training.schedule.milestones=[0.1,0.2]"],
            environment
        );

        var recipe = RecipeReader.ReadText(SampleRecipes.Full, "/", overrides, SamplePlugins.Catalog());

        Assert.Equal(5, recipe.Training.Epochs);
        Assert.Equal(16, recipe.Training.BatchSize);
        Assert.Equal("from-environment", recipe.Name);
        Assert.Equal("cpu", recipe.Device);
        Assert.Equal(0.25, recipe.Losses[0].Weight);
        Assert.Equal([0.1, 0.2], recipe.Training.Schedule.Milestones);
        Assert.Contains("\"temperature\":8", recipe.Losses[1].Loss.Options, StringComparison.Ordinal);
    }

    [Fact]
    public void Setting_one_of_two_alternatives_takes_the_other_away()
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Full, "seed=9", "validation.split=val");

        Assert.Equal([9L], recipe.Seeds);
        Assert.Equal("val", recipe.Validation.Split);
        Assert.Null(recipe.Validation.Count);
    }

    [Fact]
    public void An_index_one_past_the_end_appends_and_missing_objects_are_made()
    {
        var recipe = SampleRecipes.Read(
            SampleRecipes.Smallest,
            """losses[1]={"id":"cross-entropy"}""",
            "losses[1].options.smoothing=0.2",
            "generators.main.id=noise"
        );

        Assert.Equal(["kd", "cross-entropy"], recipe.Losses.Select(l => l.Loss.Id));
        Assert.Equal("""{"smoothing":0.2}""", recipe.Losses[1].Loss.Options);
        Assert.Equal("main", recipe.Generators[0].Name);
    }

    [Fact]
    public void Paths_are_relative_to_the_recipes_folder()
    {
        var folder = Directory.CreateTempSubdirectory("kd-recipe");
        try
        {
            var file = Path.Combine(folder.FullName, "r.json");
            File.WriteAllText(file, "\uFEFF" + SampleRecipes.Full);

            var recipe = RecipeReader.ReadFile(file, RecipeOverrides.None, SamplePlugins.Catalog());

            Assert.Equal(folder.FullName, recipe.Folder);
            Assert.Equal(
                Path.Combine(folder.FullName, "weights", "t.pth"),
                recipe.PathOf(recipe.Model("teacher").Weights.Path)
            );
            Assert.Equal("/abs/t.pth", recipe.PathOf("/abs/t.pth"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void No_plugin_instance_outlives_the_reading()
    {
        var catalog = SamplePlugins.Catalog();

        SampleRecipes.Read(SampleRecipes.Full, catalog);
        Assert.Throws<RecipeException>(() =>
            SampleRecipes.Read(SampleRecipes.Full, catalog, "losses[0].options.smoothing=7")
        );

        Assert.Equal(0, catalog.Live);
    }

    [Fact]
    public void A_section_becomes_a_configured_plugin()
    {
        var catalog = SamplePlugins.Catalog();
        var recipe = SampleRecipes.Read(SampleRecipes.Full, catalog);

        using var instance = RecipePlugins.Create(catalog, PluginKind.Strategy, recipe.Prepare[0].Strategy);

        Assert.Equal("teacher", ((IDistillationStrategy)instance.Plugin).Result);
    }

    [Fact]
    public void A_section_that_no_longer_fits_its_plugin_leaves_no_instance_behind()
    {
        var catalog = SamplePlugins.Catalog();
        var stale = new PluginChoice("kd", """{"temperature":4,"gone":1}""");

        var e = Assert.Throws<RecipeException>(() => RecipePlugins.Create(catalog, PluginKind.Loss, stale));

        Assert.Equal("gone", e.Failures.Single().Path);
        Assert.Equal(0, catalog.Live);
    }
}
