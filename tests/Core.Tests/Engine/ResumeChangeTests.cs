using System.Buffers.Binary;
using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Engine.Finite;
using KdPlugins.Core.Tests.Runs;
using KdPlugins.Datasets;
using KdPlugins.Testing;
using Path = System.IO.Path;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Runs that go on with a changed recipe: what may change does, and all else is refused before anything is written.</summary>
public sealed class ResumeChangeTests : IDisposable
{
    private const string Loss = """{ "id": "cross-entropy" }""";

    private static readonly string Recipe = FiniteRuns.Recipe(Loss);

    // A phase before the main one, a control group and a cache's section.
    private static readonly string Phased = FiniteRuns
        .Recipe(
            """{ "id": "cross-entropy" }, { "id": "kd" }""",
            more: """
            , "prepare": [ { "role": "teacher", "training": { "epochs": 1 } } ], "teacherCache": { "folder": "FOLDER" }
            """
        )
        .Replace("\"models\": {", "\"models\": { \"teacher\": { \"id\": \"tiny\" },")
        .Replace("supervised", "offline");

    private static readonly TestCatalog Catalog = new([.. EngineRun.Types, typeof(MnistPlugin)]);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ExperimentEnd Run(
        string run,
        string recipe,
        long stopAfter = long.MaxValue,
        List<string>? warnings = null
    ) => FiniteRuns.Run(Catalog, recipe, _folder[run], stopAfter, warnings: warnings);

    // As 'kd resume --set' does it: the recipe that is kept, and the same with settings.
    private ExperimentEnd Resume(string run, long stopAfter, params string[] settings) =>
        Resume(run, stopAfter, false, settings);

    private ExperimentEnd Resume(string run, long stopAfter, bool overriding, params string[] settings)
    {
        var kept = File.ReadAllText(_folder[$"{run}/recipe.json"]);
        var before = RecipeReader.ReadText(kept, ".", RecipeOverrides.None, Catalog);
        var after = RecipeReader.ReadText(kept, ".", new(settings, new Dictionary<string, string>()), Catalog);
        return FiniteRuns.Run(
            Catalog,
            after.ToResolvedJson(),
            _folder[run],
            stopAfter,
            new() { ChangedFrom = before, OverrideContradictions = overriding }
        );
    }

    // As a plain 'kd resume'.
    private ExperimentEnd GoOn(string run, long stopAfter = long.MaxValue) =>
        Run(run, File.ReadAllText(_folder[$"{run}/recipe.json"]), stopAfter);

    private byte[] Student(string run) => File.ReadAllBytes(_folder[$"{run}/student-last.safetensors"]);

    // What lies behind the header of the file.
    private byte[] Weights(string run)
    {
        var file = Student(run);
        return file[(8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file))..];
    }

    private Dictionary<string, string> Tree(string run) =>
        Directory
            .EnumerateFiles(_folder[run], "*", SearchOption.AllDirectories)
            .Where(f => !Path.GetFileName(f).StartsWith("run.lock", StringComparison.Ordinal))
            .ToDictionary(f => f, f => Convert.ToHexString(File.ReadAllBytes(f)));

    private void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(_folder[from], "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(_folder[to], Path.GetRelativePath(_folder[from], file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    [Fact]
    public void More_epochs_at_a_constant_rate_are_those_of_a_run_that_was_planned_so()
    {
        Run("planned", Recipe.Replace("\"epochs\": 2", "\"epochs\": 3"));
        Run("run", Recipe, stopAfter: 3);
        var end = Resume("run", 2, "training.epochs=3");
        Assert.Equal(SessionEnd.Stopped, end.State);
        // Stopped once more: from here on nothing has to be said again.
        var report = GoOn("run").Report;
        Assert.Equal(9, (long)report["steps"]!);
        Assert.Equal(Student("planned"), Student("run"));
        Assert.Contains("\"epochs\": 3", File.ReadAllText(_folder["run/recipe.json"]));

        var change = Assert.Single(report["changes"]!.AsArray())!;
        Assert.Equal(3, (long)change["step"]!);
        Assert.Equal(
            """{"path":"training.epochs","from":"2","to":"3"}""",
            Assert.Single(change["settings"]!.AsArray())!.ToJsonString()
        );
        var provenance = JsonNode.Parse(File.ReadAllText(_folder["run/provenance.json"]))!;
        Assert.Equal(change.ToJsonString(), provenance["changes"]![0]!.ToJsonString());
        var told = Assert.Single(EventLog.Read(_folder["run"]).Events, e => e.Kind == "changed");
        Assert.Contains("after step 3: training.epochs: 2 -> 3", told.Text);
        Assert.DoesNotContain(EventLog.Read(_folder["run"]).Events, e => e.Kind == "override");
    }

    [Theory]
    [InlineData("training.epochs=3")]
    [InlineData("training.maxMinutes=1000")]
    [InlineData("training.earlyStopping.patience=1")]
    [InlineData("evaluation.everyEpochs=2")]
    [InlineData("evaluation.batchSize=3")]
    [InlineData("checkpoints.everySteps=2")]
    [InlineData("checkpoints.everySeconds=1")]
    [InlineData("checkpoints.keep=5")]
    [InlineData("name=other")]
    [InlineData("device=auto")]
    [InlineData("training.epochs=4", "checkpoints.keep=1", "evaluation.everyEpochs=0")]
    public void What_may_change_is_kept_and_a_second_resume_is_exact(params string[] settings)
    {
        // A cosine: the rate of every step follows from what was planned.
        var recipe = Recipe.Replace("\"constant\"", "\"cosine\"");
        Run("run", recipe, stopAfter: 4);
        Copy("run", "again");
        var whole = Resume("run", long.MaxValue, settings).Report;
        Resume("again", 1, settings);
        var report = GoOn("again").Report;
        Assert.Equal(Student("run"), Student("again"));
        Assert.Equal((long)whole["steps"]!, (long)report["steps"]!);
        Assert.Equal(settings.Length, report["changes"]![0]!["settings"]!.AsArray().Count);
        var kept = RecipeReader.ReadFile(_folder["again/recipe.json"], RecipeOverrides.None, Catalog);
        var asked = RecipeReader.ReadText(recipe, ".", new(settings, new Dictionary<string, string>()), Catalog);
        Assert.Equal(asked.Identity(), kept.Identity());
        Assert.Equal(asked.Identity(), (string)report["hashes"]!["recipe"]!);
    }

    [Fact]
    public void What_may_change_has_its_effect()
    {
        Run("run", Recipe, stopAfter: 1);
        Copy("run", "minutes");
        Copy("run", "patience");
        Copy("run", "rare");
        Copy("run", "keep");

        var brief = Resume("minutes", long.MaxValue, "training.epochs=9000", "training.maxMinutes=0.0001");
        Assert.Contains("maxMinutes", Assert.Single(brief.Report["ended"]!.AsObject()).Value!.ToString());
        var patient = Resume("patience", long.MaxValue, "training.epochs=500", "training.earlyStopping.patience=1");
        Assert.True((long)patient.Report["steps"]! < 1500);
        Assert.NotNull(patient.Report["ended"]);

        Resume("rare", long.MaxValue, "evaluation.everyEpochs=0", "evaluation.batchSize=5");
        Assert.Single(EventLog.Read(_folder["rare"]).Events, e => e.Kind == "evaluation");
        GoOn("run");
        Assert.Equal(2, EventLog.Read(_folder["run"]).Events.Count(e => e.Kind == "evaluation"));

        Resume("keep", 3, "checkpoints.keep=1", "checkpoints.everySteps=2");
        Assert.Equal(
            [4, 0],
            Checkpoint.List(_folder["keep"]).Select(c => c.Position.Step).Where(s => s != 0).Append(0)
        );
    }

    [Theory]
    [InlineData("losses[0].weight=0.5")]
    [InlineData("losses[1].id=kd")]
    [InlineData("models.student.id=tiny-dense")]
    [InlineData("models.student.weights=other.safetensors")]
    [InlineData("models.student.freeze=conv")]
    [InlineData("dataset.options.noise=0.5")]
    [InlineData("dataset.options.train=32")]
    [InlineData("augmentations.shared=[{\"id\":\"proof-mix\"}]")]
    [InlineData("seed=2")]
    [InlineData("seeds=[1,2]")]
    [InlineData("precision=bf16")]
    [InlineData("wrongLayers=warn")]
    [InlineData("validation.fraction=0.2")]
    [InlineData("strategy.options.role=teacher", "models.teacher.id=tiny")]
    [InlineData("training.epochs=1")]
    [InlineData("training.batchSize=8")]
    [InlineData("training.accumulate=2")]
    [InlineData("training.sampling=balanced")]
    [InlineData("training.ema.decay=0.9")]
    [InlineData("training.earlyStopping.delta=0.1")]
    [InlineData("training.schedule.name=cosine")]
    [InlineData("training.optimiser.learningRate=0.01")]
    [InlineData("training.optimiser.name=adam")]
    [InlineData("evaluation.best=accuracy")]
    [InlineData("baseline=true")]
    [InlineData("prepare=[{\"role\":\"student\"}]")]
    [InlineData("teacherCache={}", "models.teacher.id=tiny")]
    [InlineData("checkpoints.keep=5", "training.batchSize=8")]
    public void What_makes_another_experiment_is_refused_and_nothing_is_written(params string[] settings)
    {
        Run("run", Recipe, stopAfter: 3);
        var before = Tree("run");
        foreach (var overriding in (bool[])[false, true])
        {
            var failure = Samples.Fails(
                RunErrors.ChangeRefused,
                () => Resume("run", long.MaxValue, overriding, settings)
            );
            Assert.Contains("Nothing was written", failure.Message);
            Assert.Contains("kd run RECIPE --set", failure.Message);
        }
        Assert.Equal(before, Tree("run"));
        Assert.Equal(6, (long)GoOn("run").Report["steps"]!);
    }

    [Fact]
    public void The_student_that_a_refusal_names_begins_a_new_run()
    {
        Run("run", Recipe, stopAfter: 3);
        var failure = Samples.Fails(
            RunErrors.ChangeRefused,
            () => Resume("run", long.MaxValue, "training.batchSize=8")
        );
        var setting = failure.Message.Split("models.student.weights='")[1].Split('\'')[0];
        Assert.True(File.Exists(setting));
        var begun = Recipe.Replace("\"id\": \"tiny\"", $"\"id\": \"tiny\", \"weights\": \"{setting}\"");
        Assert.Equal(6, (long)Run("new", begun).Report["steps"]!);
    }

    [Fact]
    public void A_phase_that_is_over_keeps_its_length_and_one_to_come_may_have_more()
    {
        var recipe = Phased.Replace("FOLDER", _folder["answers"]);
        Run("run", recipe, stopAfter: 1);
        Copy("run", "later");
        var longer = Resume(
            "run",
            long.MaxValue,
            "prepare[0].training.epochs=2",
            $"teacherCache.folder={_folder["elsewhere"]}"
        );
        Assert.Equal(12, (long)longer.Report["steps"]!);
        Assert.True(Directory.Exists(_folder["elsewhere"]));

        GoOn("later", stopAfter: 4);
        var before = Tree("later");
        var failure = Samples.Fails(
            RunErrors.ChangeRefused,
            () => Resume("later", long.MaxValue, "prepare[0].training.epochs=2")
        );
        Assert.Contains("phase 'teacher' is over", failure.Message);
        Assert.Equal(before, Tree("later"));
        Assert.Equal(
            12,
            (long)Resume("later", long.MaxValue, "training.epochs=3", "teacherCache.store=false").Report["steps"]!
        );
    }

    [Fact]
    public void A_rate_that_follows_evaluations_keeps_their_rhythm()
    {
        Run("run", Recipe.Replace("\"constant\"", "\"plateau\""), stopAfter: 1);
        Samples.Fails(RunErrors.ChangeRefused, () => Resume("run", long.MaxValue, "evaluation.everyEpochs=2"));
        Assert.Equal(6, (long)Resume("run", long.MaxValue, "evaluation.batchSize=4").Report["steps"]!);
    }

    [Fact]
    public void The_control_group_that_was_trained_for_less_is_told_of()
    {
        Run("run", Recipe.TrimEnd()[..^1] + ", \"baseline\": true }", stopAfter: 7);
        Resume("run", long.MaxValue, "training.epochs=3");
        Assert.Contains(
            EventLog.Read(_folder["run"]).Events,
            e => e.Kind == "warning" && e.Text.Contains("baseline is trained for 2 epochs, the result for 3")
        );
    }

    [Fact]
    public void A_run_that_is_done_is_refused()
    {
        Run("run", Recipe);
        var before = Tree("run");
        Samples.Fails(RunErrors.FinishedChanged, () => Resume("run", long.MaxValue, "training.epochs=3"));
        Assert.Equal(before, Tree("run"));
        // All steps are done, and only the end has to be made again: what trains no longer changes anything.
        File.Delete(_folder["run/report.json"]);
        Samples.Fails(RunErrors.FinishedChanged, () => Resume("run", long.MaxValue, "training.epochs=3"));
        Assert.False(File.Exists(_folder["run/changes.json"]));
        Assert.Equal(6, (long)Resume("run", long.MaxValue, "checkpoints.keep=5").Report["steps"]!);
    }

    [Fact]
    public void Settings_that_change_nothing_leave_no_trace()
    {
        Run("run", Recipe, stopAfter: 3);
        Assert.Null(Resume("run", long.MaxValue, "training.epochs=2").Report["changes"]);
        Assert.False(File.Exists(_folder["run/changes.json"]));
    }

    [Fact]
    public void A_process_that_dies_over_a_change_leaves_a_run_that_goes_on()
    {
        Run("old", Recipe, stopAfter: 3);
        Copy("old", "written");
        Copy("old", "recorded");
        Copy("old", "new");
        Resume("new", long.MaxValue, "training.epochs=3");

        // Before the first checkpoint under the new recipe.
        File.Copy(_folder["new/changes.json"], _folder["written/changes.json"]);
        File.Copy(_folder["new/recipe.json"], _folder["written/recipe.json"], overwrite: true);
        var report = GoOn("written").Report;
        Assert.Equal(Student("new"), Student("written"));
        Assert.Single(report["changes"]!.AsArray());

        // Between record and recipe: nothing was changed, and the next change stands alone.
        File.Copy(_folder["new/changes.json"], _folder["recorded/changes.json"]);
        GoOn("recorded", stopAfter: 1);
        Assert.Null(JsonNode.Parse(File.ReadAllText(_folder["recorded/provenance.json"]))!["changes"]);
        var other = Resume("recorded", long.MaxValue, "training.epochs=4").Report;
        Assert.Equal(12, (long)other["steps"]!);
        Assert.Equal("4", (string)Assert.Single(other["changes"]!.AsArray())!["settings"]![0]!["to"]!);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{ "changes": [ { "time": "yesterday", "step": 1, "settings": [], "recipes": [] } ] }""")]
    [InlineData("""{ "changes": [ { "step": "one" } ] }""")]
    public void A_damaged_record_is_named(string text)
    {
        Run("run", Recipe, stopAfter: 3);
        File.WriteAllText(_folder["run/changes.json"], text);
        Assert.Contains("changes.json", Samples.Fails(RunErrors.ChangesUnreadable, () => GoOn("run")).Message);
        File.Delete(_folder["run/changes.json"]);
        Assert.Equal(6, (long)GoOn("run").Report["steps"]!);
    }

    [Fact]
    public void Data_may_lie_elsewhere_and_have_to_be_the_same()
    {
        Idx("first", 1);
        Idx("other", 2);
        var recipe = OfFiles("first");
        Run("whole", recipe);
        Run("run", recipe, stopAfter: 3);
        Directory.Move(_folder["first"], _folder["moved"]);
        Assert.ThrowsAny<Exception>(() => GoOn("run"));

        var kept = File.ReadAllText(_folder["run/recipe.json"]);
        Samples.Fails(
            RunErrors.Contradiction,
            () => Resume("run", long.MaxValue, $"dataset.options.path={_folder["other"]}")
        );
        Assert.Equal(kept, File.ReadAllText(_folder["run/recipe.json"]));
        Assert.False(File.Exists(_folder["run/changes.json"]));

        Resume("run", 1, $"dataset.options.path={_folder["moved"]}");
        GoOn("run");
        // The files say which recipe made them, and the recipe where its data were.
        Assert.Equal(Weights("whole"), Weights("run"));
        Samples.Fails(RunErrors.FinishedChanged, () => Resume("run", 1, "dataset.options.classes=12"));
    }

    [Fact]
    public void Several_seeds_are_trained_alike()
    {
        Idx("first", 1);
        var recipe = OfFiles("first").Replace("\"name\": \"finite\"", "\"name\": \"finite\", \"seeds\": [1, 2]");
        Run("run", recipe, stopAfter: 8);
        var before = Tree("run");
        foreach (
            var setting in (string[])["training.epochs=3", "evaluation.everyEpochs=2", "seeds=[2,1,3]", "seeds=[1]"]
        )
            Samples.Fails(RunErrors.ChangeRefused, () => Resume("run", long.MaxValue, setting));
        Assert.Equal(before, Tree("run"));

        Directory.Move(_folder["first"], _folder["moved"]);
        Resume("run", 1, $"dataset.options.path={_folder["moved"]}", "checkpoints.keep=3");
        var report = GoOn("run").Report;
        Assert.Equal(12, (long)report["steps"]!);
        // The first seed was done with the data where they were; the report is that of both all the same.
        Assert.Equal(report.ToJsonString(), GoOn("run").Report.ToJsonString());
        Assert.Equal(18, (long)Resume("run", long.MaxValue, "seeds=[1,2,3]").Report["steps"]!);
        Assert.Equal(18, (long)GoOn("run").Report["steps"]!);
    }

    private string OfFiles(string folder)
    {
        const string shapes = """{ "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } }""";
        Assert.Contains(shapes, Recipe);
        return Recipe.Replace(shapes, $$"""{ "id": "mnist", "options": { "path": "{{_folder[folder]}}" } }""");
    }

    // 64 and 16 images of 8 x 8 pixels in idx files.
    private void Idx(string folder, int seed)
    {
        var random = new Random(seed);
        Directory.CreateDirectory(_folder[folder]);
        foreach (var (prefix, count) in (ReadOnlySpan<(string, int)>)[("train", 64), ("t10k", 16)])
        {
            var pixels = new byte[count * 64];
            random.NextBytes(pixels);
            Write($"{prefix}-images-idx3-ubyte", [count, 8, 8], pixels);
            Write($"{prefix}-labels-idx1-ubyte", [count], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 10))]);
        }

        void Write(string name, int[] sizes, byte[] values)
        {
            var bytes = new byte[4 + 4 * sizes.Length + values.Length];
            (bytes[2], bytes[3]) = (8, (byte)sizes.Length);
            for (var i = 0; i < sizes.Length; i++)
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 + 4 * i), sizes[i]);
            values.CopyTo(bytes, 4 + 4 * sizes.Length);
            File.WriteAllBytes(Path.Combine(_folder[folder], name), bytes);
        }
    }
}
