using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Studies;

/// <summary>From a study to the recipes of its runs.</summary>
public sealed class StudyPlanTests : IDisposable
{
    private readonly StudyMaker _maker = new();

    public void Dispose() => _maker.Dispose();

    private IReadOnlyList<PlannedRun> Plan(Action<JsonObject>? change = null, params string[] with) =>
        _maker.Plan(_maker.Read(change), ShippedPlugins.Catalog(), with);

    private string Below(PlannedRun run) => Path.GetRelativePath(Path.Combine(_maker.Root, "out"), run.Folder);

    [Fact]
    public void Every_arm_has_the_same_seeds_and_its_own_changes()
    {
        var plan = Plan();
        Assert.Equal(
            ["prepare/teacher", "kd/seed-1", "alone/seed-1", "kd/seed-2", "alone/seed-2", "kd/seed-3", "alone/seed-3"],
            plan.Select(Below)
        );
        Assert.Equal([1, 1, 1, 2, 2, 3, 3], plan.Select(r => r.Recipe.Seeds.Single()));
        var (teacher, kd, alone) = (plan[0], plan[3], plan[4]);
        Assert.Equal(["teacher"], teacher.Recipe.Models.Select(m => m.Role));
        Assert.Equal($"{teacher.Folder}/teacher-last.safetensors", kd.Recipe.Model("teacher").Weights.Path);
        Assert.Equal([teacher.Folder], kd.Needs);
        Assert.Empty(alone.Needs);
        Assert.Equal(["cross-entropy"], alone.Recipe.Losses.Select(l => l.Loss.Id));
        Assert.Equal("small-alone", alone.Recipe.Name);
        Assert.Equal(2, kd.Recipe.Losses.Count);
    }

    [Fact]
    public void A_preparation_per_seed_is_that_seeds_own()
    {
        var plan = Plan(tree => tree["prepare"]!["teacher"]!["each"] = "seed");
        Assert.Equal(9, plan.Count);
        var kd = plan.Single(r => r is { Arm: "kd", Seed: 2 });
        Assert.Equal("prepare/teacher/seed-2", Below(plan.Single(r => r.Folder == kd.Needs.Single())));
        Assert.EndsWith("prepare/teacher/seed-2/teacher-last.safetensors", kd.Recipe.Model("teacher").Weights.Path);
    }

    [Fact]
    public void An_arm_from_another_changes_it_further_and_one_of_another_has_no_runs()
    {
        var plan = Plan(tree =>
        {
            tree["arms"]!["kd-longer"] = JsonNode.Parse("{\"from\":\"kd\",\"set\":{\"training.epochs\":7}}");
            tree["arms"]!["its teacher"] = JsonNode.Parse("{\"of\":\"kd\",\"role\":\"teacher\"}");
        });
        var longer = plan.Single(r => r is { Arm: "kd-longer", Seed: 1 });
        Assert.Equal(7, longer.Recipe.Training.Epochs);
        Assert.Single(longer.Needs);
        Assert.DoesNotContain(plan, r => r.Arm == "its teacher");
    }

    [Fact]
    public void A_sweep_runs_every_arm_at_every_level()
    {
        var plan = Plan(tree =>
            tree["sweep"] = JsonNode.Parse(
                "{\"name\":\"epochs\",\"path\":\"training.epochs\",\"levels\":[1,{\"at\":4,\"set\":{\"training.batchSize\":8}}]}"
            )
        );
        Assert.Equal(1 + 2 * 2 * 3, plan.Count);
        var four = plan.Single(r => r is { Arm: "kd", Seed: 1, Level: 4.0 });
        Assert.Equal("kd/epochs-4/seed-1", Below(four));
        Assert.Equal((4, 8), (four.Recipe.Training.Epochs, four.Recipe.Training.BatchSize));
        Assert.Equal(16, plan.Single(r => r is { Arm: "kd", Seed: 1, Level: 1.0 }).Recipe.Training.BatchSize);
    }

    private static void WithParameters(JsonObject tree)
    {
        tree["parameters"] = JsonNode.Parse(
            """
            {
              "data": { "description": "a folder", "kind": "path" }, "shapes": "how many",
              "epochs": { "kind": "number", "default": 5 }
            }
            """
        );
        tree["set"] = JsonNode.Parse("{\"training.epochs\":\"${epochs}\"}");
    }

    [Fact]
    public void Parameters_are_given_or_have_defaults_and_all_that_are_missing_are_named()
    {
        var error = Assert.ThrowsAny<KdException>(() => Plan(WithParameters));
        Assert.Equal(StudyErrors.ParameterMissing, error.Code);
        Assert.Contains("needs data (a folder), shapes (how many).", error.Message);
        Assert.Equal(5, Plan(WithParameters, "data=.", "shapes=x")[1].Recipe.Training.Epochs);
        Assert.Equal(9, Plan(WithParameters, "data=.", "shapes=x", "epochs=9")[1].Recipe.Training.Epochs);
        Assert.Equal(2, Plan(WithParameters, "data=.", "shapes=x")[0].Recipe.Training.Epochs);
    }

    [Theory]
    [InlineData("dat=.", "KDP0220", "Did you mean 'data'?")]
    [InlineData("data=nowhere", "KDP0223", "where nothing is")]
    [InlineData("data=", "KDP0223", "is empty")]
    [InlineData("epochs=many", "KDP0223", "a number is needed")]
    public void A_value_that_does_not_fit_is_refused(string with, string code, string says)
    {
        var all = new Dictionary<string, string> { ["data"] = ".", ["shapes"] = "x" };
        all[with.Split('=')[0]] = with.Split('=')[1];
        var error = Assert.ThrowsAny<KdException>(() =>
            Plan(WithParameters, [.. all.Select(w => $"{w.Key}={w.Value}")])
        );
        Assert.StartsWith(code, error.Message);
        Assert.Contains(says, error.Message);
    }

    [Theory]
    [InlineData("losses[9].weight", "2", "arm 'kd', seed 1", "the path leads to no such place")]
    [InlineData("models.tutor", "null", "arm 'kd', seed 1", "there is nothing that null could take away")]
    [InlineData("trainin.epochs", "2", "arm 'kd', seed 1", "unknown key 'trainin'")]
    [InlineData("training.epochs", "\"two\"", "arm 'kd', line 1 of the study", "a whole number")]
    [InlineData("strategy.id", "\"offlin\"", "arm 'kd'", "offline")]
    public void A_bad_change_is_named_with_its_arm(string path, string value, string place, string says)
    {
        var error = Assert.ThrowsAny<KdException>(() =>
            Plan(tree => tree["arms"]!["kd"]!["set"]![path] = JsonNode.Parse(value))
        );
        Assert.Contains(place, error.Message);
        Assert.Contains(says, error.Message);
    }

    [Fact]
    public void What_is_wrong_with_several_arms_is_said_at_once_and_what_they_share_once()
    {
        var error = Assert.Throws<RecipeException>(() =>
            Plan(tree =>
            {
                tree["recipe"]!["dataset"]!["options"]!["colours"] = 3;
                tree["arms"]!["alone"]!["set"]!["training.epoch"] = 3;
            })
        );
        Assert.Single(error.Failures, f => f.Found.Contains("colours"));
        Assert.Contains(error.Failures, f => f.Found.Contains("'epoch'") && f.Path.StartsWith("arm 'alone'"));
    }

    [Fact]
    public void Before_a_preparation_is_made_its_weights_are_left_out_of_a_trial()
    {
        var kd = Plan()[1];
        Assert.False(kd.ForTrial().Model("teacher").HasWeights);
        Directory.CreateDirectory(kd.Needs[0]);
        File.WriteAllText(kd.Recipe.Model("teacher").Weights.Path, "");
        Assert.True(kd.ForTrial().Model("teacher").HasWeights);
    }

    [Fact]
    public void Pairs_are_of_seeds_that_both_arms_have()
    {
        var study = _maker.Read();
        StudyValue Of(string arm, long seed, double value) => new(arm, null, seed, "result", value);
        var results = StudyResults.Make(
            study,
            [Of("kd", 1, 0.5), Of("kd", 2, 0.7), Of("kd", 3, double.NaN), Of("alone", 2, 0.4), Of("alone", 3, 0.1)]
        );
        Assert.Equal([1L, 2], results.Arms[0].Values.Select(v => v.Key));
        Assert.Equal(0.6, results.Arms[0].Summary.Mean, 1e-12);
        var claim = results.Claims.Single();
        Assert.Equal((2, 0.3), (claim.Differences.Single().Key, Math.Round(claim.Differences.Single().Value, 9)));
        Assert.Null(claim.Summary.Low);
        Assert.Equal(StudyVerdict.Undecided, claim.Verdict);
    }
}
