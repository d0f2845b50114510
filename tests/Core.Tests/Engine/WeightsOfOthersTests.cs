using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>A run on weights that were not saved for it: what it does with them, and where it says so.</summary>
public sealed class WeightsOfOthersTests : IDisposable
{
    private readonly RecipeRun _runs = new(ShippedPlugins.Catalog());

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string weights, int classes = 4) =>
        $$"""
            { "name": "others", "device": "cpu",
              "dataset": { "id": "shapes", "options": { "size": 12, "classes": {{classes}}, "train": 64, "test": 32 } },
              "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 }, "weights": {{weights}} } },
              "losses": [ { "id": "cross-entropy" } ],
              "strategy": { "id": "supervised" },
              "training": { "epochs": 1, "batchSize": 16 } }
            """;

    // Trained for four classes, and saved as others save.
    private Dictionary<string, byte[]> Saved(string name, string prefix = "", Func<string, bool>? take = null)
    {
        if (!Directory.Exists(_runs.Path("first")))
            _runs.Whole(Recipe("null"), "first", maxStepsPerStage: 1);
        using var scope = NewDisposeScope();
        using var file = WeightFile.Open(_runs.Path("first/student-last.safetensors"));
        var tensors = file.ToTensors()
            .Where(t => take?.Invoke(t.Key) ?? true)
            .ToDictionary(t => prefix + t.Key, t => t.Value);
        WeightTensors.Save(tensors, _runs.Path(name));
        return tensors.ToDictionary(t => t.Key[prefix.Length..], t => t.Value.bytes.ToArray());
    }

    private IReadOnlyList<string> Check(string recipe) =>
        Preflight.Run(_runs.Read(recipe), _runs.Catalog, new() { Samples = 8, Steps = 1 }).Warnings;

    private (JsonObject Weights, IReadOnlyList<string> Warned, string Run) Run(string recipe, string name)
    {
        var listener = new Listener();
        var report = Experiment
            .Run(
                _runs.Read(recipe),
                _runs.Path(name),
                _runs.Catalog,
                new() { Observer = listener, MaxStepsPerStage = 1 },
                new(),
                CancellationToken.None
            )
            .Report;
        var provenance = JsonNode.Parse(File.ReadAllText(_runs.Path($"{name}/provenance.json")))!;
        Assert.Equal(provenance["weights"]!.ToJsonString(), report["weights"]!.ToJsonString());
        return (provenance["weights"]!["student"]?.AsObject() ?? [], listener.Warnings, _runs.Path(name));
    }

    [Fact]
    public void A_wrapper_is_seen_through_and_said_by_check_run_and_provenance()
    {
        Saved("wrapped.safetensors", "module.");
        const string Weights = "\"wrapped.safetensors\"";
        var said = Assert.Single(Check(Recipe(Weights)));
        Assert.Contains("role 'student': its names were taken without the beginning 'module.'.", said);
        var (weights, warned, _) = Run(Recipe(Weights), "run");
        Assert.Contains(said, warned);
        Assert.Equal(("wrapped.safetensors", "module."), ((string)weights["path"]!, (string)weights["cut"]!));
        Assert.Null(weights["missing"]);
    }

    [Fact]
    public void Plain_weights_need_no_word()
    {
        Saved("plain.safetensors");
        Assert.Empty(Check(Recipe("\"plain.safetensors\"")));
    }

    [Fact]
    public void Another_number_of_classes_is_refused_with_its_cure_and_the_cure_draws_the_head_as_without_weights()
    {
        var body = Saved("four.safetensors");
        var refused = Assert.Throws<KdException>(() => Check(Recipe("\"four.safetensors\"", classes: 6)));
        Assert.Equal(WeightErrors.LoadMismatch, refused.Code);
        Assert.Contains("another number of classes (4 in the file, 6 here): \"head\": \"replace\"", refused.Message);

        const string Replace = """{ "path": "four.safetensors", "head": "replace" }""";
        var said = Assert.Single(Check(Recipe(Replace, classes: 6)));
        Assert.Contains("its head is new, as without weights", said);
        Assert.Contains("the file's has 4 classes. All else was loaded.", said);
        var (weights, _, run) = Run(Recipe(Replace, classes: 6), "replaced");
        Run(Recipe("null", classes: 6), "drawn");
        var head = weights["new_head"]!.AsArray().Select(n => (string)n!).ToArray();
        Assert.Equal(2, head.Length);

        // Before its first step: the checkpoint that every run begins with.
        var (loaded, fresh) = (First(run), First(_runs.Path("drawn")));
        foreach (var (name, bytes) in loaded)
            Assert.Equal(head.Contains(name) ? fresh[name] : body[name], bytes);
    }

    private static Dictionary<string, byte[]> First(string run)
    {
        var checkpoint = Directory
            .GetDirectories(Path.Combine(run, "checkpoints"))
            .Order(StringComparer.Ordinal)
            .First();
        var file = Directory.GetFiles(checkpoint, "*student*.safetensors", SearchOption.AllDirectories).First();
        using var weights = SafeTensorsFile.Open(file);
        return weights.Entries.Keys.ToDictionary(n => n, n => weights.Bytes(n).ToArray());
    }

    [Fact]
    public void What_is_missing_or_left_over_is_named_where_it_may_be()
    {
        Saved("part.safetensors", take: name => !name.Contains("running_mean"));
        var refused = Assert.Throws<KdException>(() => Check(Recipe("\"part.safetensors\"")));
        Assert.InRange(refused.Message.Split('\n').Length, 2, 10);
        var said = Check(Recipe("""{ "path": "part.safetensors", "strict": false }"""));
        Assert.Contains(said, w => w.Contains("the file lacks") && w.Contains("running_mean'"));
    }

    [Fact]
    public void A_head_that_fits_is_loaded_and_said_to_be()
    {
        Saved("four.safetensors");
        Assert.Contains(
            "replaced nothing",
            Assert.Single(Check(Recipe("""{ "path": "four.safetensors", "head": "replace" }""")))
        );
    }

    [Fact]
    public void A_resumed_run_reads_its_section_again_and_a_changed_one_is_another_recipe()
    {
        Saved("wrapped.safetensors", "net.module.");
        var recipe = Recipe("""{ "path": "wrapped.safetensors", "prefix": "net.module" }""");
        var (whole, _) = (_runs.Whole(recipe, "whole"), 0);
        var (pieces, sittings) = _runs.Pieces(recipe, "pieces", steps: 1);
        Assert.True(sittings > 1);
        Assert.Equal((string)whole["student"]!["sha256"]!, (string)pieces["student"]!["sha256"]!);
        var other = _runs.Read(Recipe("""{ "path": "wrapped.safetensors", "prefix": "net" }"""));
        var refused = Assert.Throws<KdException>(() =>
            Experiment.Run(other, _runs.Path("whole"), _runs.Catalog, new(), new(), CancellationToken.None)
        );
        Assert.Contains("recipe", refused.Message);
    }

    [Fact]
    public void An_evaluation_reads_a_file_as_it_is_told_to()
    {
        Saved("student.safetensors", "student.");
        var recipe = _runs.Read(Recipe("null"));
        Evaluation Evaluate(WeightsSection weights) =>
            Preflight.Evaluate(recipe, _runs.Catalog, "student", weights, null, 0, null);
        var plain = Evaluate(WeightsSection.Of(_runs.Path("first/student-last.safetensors")));
        var path = _runs.Path("student.safetensors");
        var asked = Evaluate(new(path, "student", WeightsSection.Default.Rename, true, "keep"));
        Assert.Equal(plain.Values, asked.Values);
        Assert.Throws<KdException>(() => Evaluate(new(path, "teacher", WeightsSection.Default.Rename, true, "keep")));
    }
}
