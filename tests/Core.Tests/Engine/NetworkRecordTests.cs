using System.Buffers.Binary;
using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What an exported network's file says of itself, read without the product's own code.</summary>
public sealed class NetworkRecordTests : IDisposable
{
    private const string Half =
        """[ { "id": "normalise", "options": { "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.2] } } ]""";
    private const string Flip = """[ { "id": "horizontal-flip" } ]""";

    private readonly RecipeRun _runs = new(
        ShippedPlugins
            .Catalog()
            .With(
                typeof(SquareAugmentation),
                typeof(Float32Augmentation),
                typeof(ExportingStrategy),
                typeof(StepServicesTests.PlusAugmentation)
            )
    );

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string teacher, string weights = "", string shared = Flip, string strategy = "") =>
        $$"""
            { "name": "record", "device": "cpu",
              "dataset": { "id": "shapes", "options":
                { "size": 12, "classes": 4, "train": 160, "test": 96, "noise": 0.02, "clutter": 0, "occlusion": 0 } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } {{weights}} } },
              "augmentations": { "shared": {{shared}}, "teacher": {{teacher}} },
              "losses": [ { "id": "cross-entropy" } ],
              "strategy": {{(
                strategy == "" ? """{ "id": "supervised", "options": { "role": "teacher" } }""" : strategy
            )}},
              "training": { "epochs": 6, "batchSize": 8, "optimiser": { "name": "adam", "learningRate": 0.01 } } }
            """;

    // The header of a safetensors file as its specification has it.
    private static JsonObject Metadata(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return JsonNode.Parse(bytes.AsSpan(8, length))!["__metadata__"]!.AsObject();
    }

    private static JsonObject Record(string path) =>
        JsonNode.Parse(Metadata(path)["kd.record"]!.GetValue<string>())!.AsObject();

    private static float[] Floats(JsonNode? node) => [.. node!.AsArray().Select(v => v!.GetValue<float>())];

    private JsonObject Trained(string name, string teacher, string shared = Flip)
    {
        _runs.Whole(Recipe(teacher, shared: shared), name, maxStepsPerStage: 2);
        return Record(_runs.Path($"{name}/teacher.safetensors"));
    }

    [Fact]
    public void With_what_it_says_the_file_gives_the_reported_accuracy()
    {
        var report = _runs.Whole(Recipe(Half), "run");
        foreach (var (file, state) in ((string, string)[])[("teacher", "best"), ("teacher-last", "last")])
        {
            var path = _runs.Path($"run/{file}.safetensors");
            var record = Record(path);
            var accuracy = (double)record["results"]!["values"]!["accuracy"]!;
            Assert.Equal((double)report["teacher"]!["test_accuracy"]![state]!, accuracy);
            Assert.InRange(accuracy, 0.3, 1);
            Assert.Equal(accuracy, Accuracy(path, record));
        }
    }

    // The network and its inputs from the record, pixel by pixel.
    private double Accuracy(string path, JsonObject record)
    {
        using var scope = NewDisposeScope();
        var described = record["network"]!;
        using var plugin = _runs.Catalog.Create(PluginKind.Model, (string)described["id"]!);
        plugin.Plugin.Configure(
            OptionsBinder.Bind(plugin.Plugin.OptionsType, described["options"]!.ToJsonString(), "the record")
        );
        var classes = (long)record["outputs"]!;
        long[] shape = [.. record["network_input"]!.AsArray().Select(d => (long)d!)];
        var network = ((IModelPlugin)plugin.Plugin).Create(
            new(shape, classes, new(InputKind.Image, shape, TargetKind.ClassIndex, classes, [], [], [], []))
        );
        ModuleWeights.Load(network.Module, path);
        network.Module.eval();

        var recipe = _runs.Read(Recipe(Half));
        using var data = _runs.Catalog.Create(PluginKind.Dataset, recipe.Dataset.Id);
        data.Plugin.Configure(OptionsBinder.Bind(data.Plugin.OptionsType, recipe.Dataset.Options, "the recipe"));
        using var set = ((IDatasetPlugin)data.Plugin).Open(".");
        var batch = set.Open("test").Read(Enumerable.Range(0, 96).Select(i => (long)i).ToArray());
        var bytes = batch.Input.data<byte>().ToArray();
        var (channels, area) = ((int)record["input"]!["channels"]!, bytes.Length / 96 / 3);
        Assert.Equal(3, channels);
        Assert.Equal([0f, 1f], Floats(record["input"]!["range"]));
        var step = Assert.Single(record["preprocessing"]!.AsArray())!;
        var (mean, std) = (Floats(step["mean"]), Floats(step["std"]));
        var input = new float[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
            input[i] = (bytes[i] / 255f - mean[i / area % channels]) / std[i / area % channels];
        var logits = network.Forward(tensor(input).view(96, 3, 12, 12), null!, []).Logits;
        var labels = ((ClassIndexTarget)batch.Target).Labels;
        return logits.argmax(1).eq(labels).sum().item<long>() / 96.0;
    }

    [Fact]
    public void It_says_what_the_network_is_what_it_takes_and_what_the_answers_mean()
    {
        var record = Trained("run", Half);
        Assert.Equal("1.0", (string)record["format"]!);
        Assert.Equal("teacher", (string)record["role"]!);
        Assert.Equal("cifar-resnet", (string)record["network"]!["id"]!);
        Assert.Equal(8, (int)record["network"]!["options"]!["depth"]!);
        Assert.Equal([3, 12, 12], record["input"]!["shape"]!.AsArray().Select(d => (int)d!));
        Assert.Equal(12, (int)record["input"]!["height"]!);
        Assert.Equal(4, record["class_names"]!.AsArray().Count);
        Assert.Equal(96, (int)record["results"]!["samples"]!);
        Assert.Equal("test", (string)record["results"]!["source"]!);
        // A flip belongs to no evaluation.
        var step = Assert.Single(record["preprocessing"]!.AsArray())!;
        Assert.Equal("normalise", (string)step["id"]!);
        Assert.Equal([0.5f, 0.4f, 0.3f], Floats(step["options"]!["mean"]));
        Assert.Equal([0.5f, 0.4f, 0.3f], Floats(step["mean"]));
        Assert.Equal([0.5f, 0.25f, 0.2f], Floats(record["normalisation"]!["std"]));
        var metadata = Metadata(_runs.Path("run/teacher-last.safetensors"));
        Assert.Equal("0.5,0.4,0.3", (string)metadata["kd.mean"]!);
        Assert.Equal("0.5,0.25,0.2", (string)metadata["kd.std"]!);
    }

    [Fact]
    public void What_the_data_set_knows_counts_where_it_is_what_was_applied()
    {
        var record = Trained("run", """[ { "id": "normalise" } ]""");
        var info = _runs.Catalog;
        using var data = info.Create(PluginKind.Dataset, "shapes");
        var recipe = _runs.Read(Recipe(Half));
        data.Plugin.Configure(OptionsBinder.Bind(data.Plugin.OptionsType, recipe.Dataset.Options, "the recipe"));
        using var set = ((IDatasetPlugin)data.Plugin).Open(".");
        Assert.Equal(set.Info.Mean.Select(m => (float)m), Floats(record["normalisation"]!["mean"]));
        Assert.Equal(set.Info.Std.Select(s => (float)s), Floats(record["normalisation"]!["std"]));
    }

    [Fact]
    public void No_augmentation_is_a_normalisation_that_changes_nothing_and_two_are_one()
    {
        var none = Trained("none", "[]", "[]");
        Assert.Empty(none["preprocessing"]!.AsArray());
        Assert.Equal([0f, 0f, 0f], Floats(none["normalisation"]!["mean"]));
        Assert.Equal([1f, 1f, 1f], Floats(none["normalisation"]!["std"]));
        // (x + 1 - 0.5) / 0.5 = (x + 0.5) / 0.5.
        const string One =
            """[ { "id": "normalise", "options": { "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5] } } ]""";
        var two = Trained("two", One, """[ { "id": "proof-plus" } ]""");
        Assert.Equal(2, two["preprocessing"]!.AsArray().Count);
        Assert.Equal([-0.5f, -0.5f, -0.5f], Floats(two["normalisation"]!["mean"]));
        Assert.Equal([0.5f, 0.5f, 0.5f], Floats(two["normalisation"]!["std"]));
    }

    [Fact]
    public void What_is_no_normalisation_has_no_mean_rather_than_a_wrong_one()
    {
        var record = Trained("run", """[ { "id": "square" }, { "id": "normalise" } ]""");
        Assert.Null(record["normalisation"]);
        var steps = record["preprocessing"]!.AsArray();
        Assert.Equal(["square", "normalise"], steps.Select(s => (string)s!["id"]!));
        Assert.Null(steps[0]!["mean"]);
        Assert.NotNull(steps[1]!["mean"]);
        var metadata = Metadata(_runs.Path("run/teacher.safetensors"));
        Assert.False(metadata.ContainsKey("kd.mean") || metadata.ContainsKey("kd.std"));
    }

    [Fact]
    public void An_augmentation_that_takes_float32_alone_is_told_too() =>
        Assert.Equal(
            [0.25f, 0.25f, 0.25f],
            Floats(Trained("run", """[ { "id": "minus-float32" } ]""")["normalisation"]!["mean"])
        );

    [Fact]
    public void What_a_method_exports_has_a_record_beside_it()
    {
        _runs.Whole(Recipe(Half, strategy: """{ "id": "exporting" }"""), "run");
        var record = JsonNode.Parse(File.ReadAllText(_runs.Path("run/outputs/numbers/record.json")))!;
        Assert.Equal([0.5f, 0.4f, 0.3f], Floats(record["normalisation"]!["mean"]));
        Assert.Equal("exporting", (string)record["run"]!["method"]!);
        Assert.True(File.Exists(_runs.Path("run/outputs/numbers/numbers.txt")));
    }

    private List<string> Warnings(string teacher, string file)
    {
        var recipe = _runs.Read(Recipe(teacher, $$""", "weights": "{{file}}" """));
        var checkedFor = Preflight.Run(recipe, _runs.Catalog, new() { Samples = 8, Steps = 1 }).Warnings.ToList();
        var told = new List<string>();
        Preflight.Evaluate(recipe, _runs.Catalog, "teacher", WeightsSection.Of(_runs.Path(file)), null, 8, told.Add);
        Assert.Equal(checkedFor, told);
        Preflight.Evaluate(recipe, _runs.Catalog, "teacher", WeightsSection.Of(_runs.Path(file)), null, 8, null);
        return told;
    }

    [Fact]
    public void Weights_that_the_recipe_shows_other_images_are_warned_of()
    {
        Trained("run", Half);
        const string File = "run/teacher.safetensors";
        Assert.Empty(Warnings(Half, File));
        var other = Assert.Single(Warnings("""[ { "id": "normalise" } ]""", File));
        Assert.Contains("(x - [0.5,0.4,0.3]) / [0.5,0.25,0.2]", other);
        Assert.Contains("role 'teacher' of this recipe sees (x - [0.", other);
        Assert.Contains("sees (x - [0,0,0]) / [1,1,1]", Assert.Single(Warnings("[]", File)));
        Assert.Contains("sees square {}", Assert.Single(Warnings("""[ { "id": "square" } ]""", File)));
    }

    [Fact]
    public void A_run_tells_it_before_its_first_step()
    {
        Trained("first", Half);
        var recipe = _runs.Read(Recipe("[]", ", \"weights\": \"first/teacher.safetensors\""));
        var observer = new Listener();
        Experiment.Run(
            recipe,
            _runs.Path("second"),
            _runs.Catalog,
            new() { Observer = observer, MaxStepsPerStage = 1 },
            new(),
            CancellationToken.None
        );
        Assert.Contains("saw images as (x - [0.5,0.4,0.3])", Assert.Single(observer.Heard));
    }

    [Theory]
    [InlineData("{", 0)]
    [InlineData("[]", 0)]
    [InlineData("""{ "preprocessing": [ 3 ] }""", 1)]
    [InlineData("""{ "normalisation": { "mean": "x", "std": [1] }, "class_names": [ 1 ] }""", 1)]
    [InlineData("""{ "normalisation": { "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.2] }, "class_names": [] }""", 0)]
    [InlineData(
        """{ "normalisation": { "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.2] }, "class_names": [ "a", "b", "c", "d" ] }""",
        1
    )]
    public void Records_of_others_are_read_as_far_as_they_can_be(string record, int warnings)
    {
        Trained("run", Half);
        using (var weights = SafeTensorsFile.Open(_runs.Path("run/teacher.safetensors")))
        using (NewDisposeScope())
            WeightTensors.Save(
                WeightTensors.ToTensors(weights),
                _runs.Path("other.safetensors"),
                new Dictionary<string, string> { ["kd.record"] = record, ["kd.mean"] = "7,7,7" }
            );
        Assert.Equal(warnings, Warnings(Half, "other.safetensors").Count);
    }

    private sealed class Listener : IRunObserver
    {
        internal List<string> Heard { get; } = [];

        public void Warned(string message) => Heard.Add(message);

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }
    }

    /// <summary>No affine map, in evaluations too.</summary>
    [KdAugmentation("square")]
    public sealed class SquareAugmentation : Augmentation<NoOptions>
    {
        public override bool InEvaluation => true;

        public override Batch Apply(Batch batch, IPartContext context) => batch.WithInput(batch.Input.square());
    }

    /// <summary>Subtracts a quarter, of float32 alone.</summary>
    [KdAugmentation("minus-float32")]
    public sealed class Float32Augmentation : Augmentation<NoOptions>
    {
        public override bool InEvaluation => true;

        public override Batch Apply(Batch batch, IPartContext context) =>
            batch.Input.dtype == ScalarType.Float32
                ? batch.WithInput(batch.Input - 0.25)
                : throw new KdException(CoreErrors.ShapesDiffer, "It takes float32.");
    }

    /// <summary>One step, and a file.</summary>
    [KdStrategy("exporting")]
    public sealed class ExportingStrategy : DistillationStrategy<NoOptions>
    {
        public override IReadOnlyCollection<string> Needs => ["teacher"];

        public override string Result => "teacher";

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            context.Export("numbers", folder => File.WriteAllText(Path.Combine(folder, "numbers.txt"), "1"));
            return [new Stage("look", StageLength.Steps(1), step => step.Next("train"))];
        }
    }
}
