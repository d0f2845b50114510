using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Finite;

/// <summary>Whatever becomes NaN or infinite ends the run; nothing of the kind is saved, exported, or gone on from.</summary>
public sealed class DivergenceTests : IDisposable
{
    private const string CrossEntropy = """{ "id": "cross-entropy" }""";

    private static readonly IPluginCatalog Catalog = EngineRun.Catalog.With(
        typeof(NanGradientLoss),
        typeof(HeadedLoss),
        typeof(MaskedModel)
    );

    private readonly Runs.TemporaryFolder _folder = new();

    private string Folder => _folder["run"];

    public void Dispose() => _folder.Dispose();

    private KdException Fails(ErrorCode code, string recipe, ResumeOptions? resume = null)
    {
        var failure = Assert.Throws<KdException>(() => FiniteRuns.Run(Catalog, recipe, Folder, resume: resume));
        Assert.Equal(code.Id, failure.Code.Id);
        return failure;
    }

    private static string NanAt(int step) => $$"""{ "id": "nan-gradient", "options": { "at": {{step}} } }""";

    private string Student(string folder) => System.IO.Path.Combine(_folder[folder], "student-last.safetensors");

    [Theory]
    [InlineData(4, "")]
    [InlineData(4, ", \"clipNorm\": 1.0")]
    [InlineData(5, ", \"clipValue\": 0.5")] // the last step
    public void A_gradient_ends_the_run_before_its_step(int at, string clip)
    {
        var failure = Fails(TrainingErrors.GradientNotFinite, FiniteRuns.Recipe(NanAt(at), clip));
        Assert.Contains($"The gradient of 'student' is not finite at stage train, step {at} of 6", failure.Detail);
        Assert.Contains("'conv.weight' (108 of 108 values)", failure.Detail);
        Assert.Contains($"'{Checkpoint.List(Folder)[0].Name}'", failure.Message);
        Assert.Contains($"kd resume {Folder} --override-changes", failure.Message);
        Assert.Equal([at, at - 1], FiniteRuns.FiniteSteps(Folder));
        Assert.False(File.Exists(Student("run")));
        Assert.True(File.Exists(_folder["run/failure/batch-0.safetensors"]));
    }

    // A GPU is not waited for in a step: it is asked when the means are read.
    [Fact]
    public void What_was_seen_in_a_step_is_told_when_somebody_asks_later()
    {
        using var scope = NewDisposeScope();
        var settings = new OptimiserSettings { Name = "sgd", LearningRate = 0.1 };
        using var optimisers = new Optimisers(new TrainingPlan(1, 1, settings, _ => 1, ScalarType.Float32));
        var parameter = new TorchSharp.Modules.Parameter(zeros(2));
        var trainable = new Trainable("own", [("p", parameter)], null, null);
        var progress = new Progress("train", 3, 10, 1);
        optimisers.Step(trainable, progress); // no gradient yet
        optimisers.CheckGradients(progress);
        parameter.grad = tensor(new[] { 1f, float.PositiveInfinity });
        var at = Assert.Throws<KdException>(() => optimisers.Step(trainable, progress));
        Assert.Contains("The gradient of 'own' is not finite", at.Detail);
        Assert.Equal([0f, 0f], parameter.data<float>().ToArray());
        var later = Assert.Throws<KdException>(() => optimisers.CheckGradients(progress));
        Assert.Equal(TrainingErrors.GradientNotFinite.Id, later.Code.Id);
        Assert.Contains("A gradient of 'own' was not finite in one of the steps up to", later.Detail);
    }

    [Fact]
    public void What_the_message_offers_works()
    {
        Fails(TrainingErrors.GradientNotFinite, FiniteRuns.Recipe(NanAt(4)));
        var changed = FiniteRuns.Recipe(NanAt(400));
        Fails(RunErrors.Contradiction, changed);
        var end = FiniteRuns.Run(Catalog, changed, Folder, resume: new() { OverrideContradictions = true });
        Assert.Equal(6, (long)end.Report["steps"]!);
        // From here on the folder's recipe is the one that is run.
        var kept = RecipeReader.ReadText(
            File.ReadAllText(_folder["run/recipe.json"]),
            ".",
            RecipeOverrides.None,
            Catalog
        );
        Assert.Equal((string)end.Report["hashes"]!["recipe"]!, kept.Identity());
        Assert.Equal(RunState.Done, RunFolder.ReadStatus(Folder).State);
    }

    [Fact]
    public void Weights_that_an_update_made_infinite_are_not_saved()
    {
        var recipe = FiniteRuns.Recipe("""{ "id": "cross-entropy", "weight": 1e38 }""").Replace("0.05", "1000");
        var failure = Fails(TrainingErrors.StateNotFinite, recipe);
        Assert.Contains("in module.role.student: ", failure.Detail);
        Assert.Contains("'fc.weight' (", failure.Detail);
        Assert.Equal([0], FiniteRuns.FiniteSteps(Folder));
        // Nothing but the beginning is there: no resume is offered.
        Assert.DoesNotContain("kd resume", failure.Message);
    }

    [Fact]
    public void After_the_last_step_the_evaluation_tells()
    {
        var recipe = FiniteRuns
            .Recipe("""{ "id": "cross-entropy", "weight": 1e38 }""")
            .Replace("0.05", "1000")
            .Replace("\"batchSize\": 16", "\"batchSize\": 58")
            .Replace("\"epochs\": 2", "\"epochs\": 1");
        var failure = Fails(TrainingErrors.EvaluationNotFinite, recipe);
        Assert.Contains("'student' on 6 samples of 'validation'", failure.Detail);
        Assert.Equal([0], FiniteRuns.FiniteSteps(Folder));
        Assert.False(File.Exists(Student("run")));
        Assert.False(File.Exists(_folder["run/report.json"]));
    }

    [Theory]
    [InlineData("module.role.student")]
    [InlineData("optimiser.")]
    public void A_poisoned_checkpoint_is_passed_over(string prefix)
    {
        var recipe = FiniteRuns.Recipe(CrossEntropy);
        FiniteRuns.Run(Catalog, recipe, _folder["whole"]);
        FiniteRuns.Run(Catalog, recipe, Folder, stopAfter: 3);
        string section;
        string name;
        using (var saved = Checkpoint.Open(Checkpoint.List(Folder)[0].Path))
        {
            section = saved.Sections.Single(s => s.StartsWith(prefix));
            name = saved.Section(section).Entries.Values.First(e => e.Shape.Count == 4).Name;
        }
        FiniteRuns.Poison(Folder, section, name);
        var poisoned = Checkpoint.List(Folder)[0].Name;
        var strict = Fails(RunErrors.CheckpointNotFinite, recipe, new() { Strict = true });
        Assert.Contains(poisoned, strict.Message);

        var warnings = new List<string>();
        FiniteRuns.Run(Catalog, recipe, Folder, warnings: warnings);
        Assert.Contains(warnings, w => w.Contains(poisoned) && w.Contains(name) && w.Contains("goes on from '"));
        Assert.Equal(File.ReadAllBytes(Student("whole")), File.ReadAllBytes(Student("run")));
    }

    [Fact]
    public void Where_all_checkpoints_are_poisoned_that_is_said()
    {
        var recipe = FiniteRuns.Recipe(CrossEntropy);
        FiniteRuns.Run(Catalog, recipe, Folder, stopAfter: 3);
        var good = Checkpoint.List(Folder).Select(c => c.Path).ToList();
        FiniteRuns.Poison(Folder);
        good.ForEach(path => Directory.Delete(path, recursive: true));
        var failure = Fails(RunErrors.CheckpointNotFinite, recipe);
        Assert.Contains("'bn.running_var' (4 of 4 values)", failure.Message);
        Assert.Contains("Start the run again", failure.Message);
    }

    [Fact]
    public void A_constant_of_infinity_is_no_failure()
    {
        var recipe = FiniteRuns.Recipe(CrossEntropy, model: "tiny-masked");
        FiniteRuns.Run(Catalog, recipe, _folder["whole"]);
        FiniteRuns.Run(Catalog, recipe, Folder, stopAfter: 4);
        FiniteRuns.Run(Catalog, recipe, Folder);
        Assert.Equal(File.ReadAllBytes(Student("whole")), File.ReadAllBytes(Student("run")));
        // What was exported can be evaluated, mask and all.
        var read = RecipeReader.ReadText(recipe, ".", RecipeOverrides.None, Catalog);
        Assert.Equal(
            16,
            Preflight.Evaluate(read, Catalog, "student", WeightsSection.Of(Student("run")), null, 0, null).Samples
        );
    }

    [Fact]
    public void A_weight_file_that_is_not_finite_is_called_that()
    {
        var recipe = FiniteRuns.Recipe(CrossEntropy);
        FiniteRuns.Run(Catalog, recipe, Folder);
        var bad = _folder["bad.safetensors"];
        using (var scope = NewDisposeScope())
        using (var good = SafeTensorsFile.Open(Student("run")))
        {
            var tensors = good.ToTensors().ToDictionary(t => t.Key, t => t.Value);
            tensors["fc.weight"][0, 0] = float.NaN;
            tensors["bn.running_var"].fill_(float.PositiveInfinity);
            WeightTensors.Save(tensors, bad);
        }
        var read = RecipeReader.ReadText(recipe, ".", RecipeOverrides.None, Catalog);
        var failure = Assert.Throws<KdException>(() =>
            Preflight.Evaluate(read, Catalog, "student", WeightsSection.Of(bad), null, 0, null)
        );
        Assert.Equal(WeightErrors.NonFinite.Id, failure.Code.Id);
        Assert.Contains("in 2 of its tensors: 'bn.running_var' (4 of 4 values), 'fc.weight' (1 of ", failure.Message);
    }
}
