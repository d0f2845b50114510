using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised.Tests;

public sealed class StrategyTests : IDisposable
{
    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(TwoViewsStrategy).Assembly,
        typeof(CutoutAugmentation).Assembly,
        typeof(ShapesPlugin).Assembly,
        typeof(KdLoss).Assembly,
        typeof(Meters.ClassificationMeter).Assembly,
        typeof(CifarResNetPlugin).Assembly,
        typeof(SupervisedStrategy).Assembly
    );

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string main, string views = "\"student\"", string loss = "barlow-twins") =>
        $$"""
            { "name": "views", "dataset": { "id": "shapes", "options": { "size": 8, "train": 80, "test": 32 } },
              "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": { {{views}}: [ { "id": "random-crop", "options": { "padding": 2 } }, { "id": "horizontal-flip" }, { "id": "normalise" } ] },
              "strategy": {{main}},
              "prepare": [ { "name": "views", "strategy": { "id": "two-views" },
                             "losses": [ { "id": "{{loss}}", "options": { "projector": [16, 16] } } ] } ],
              "losses": [ { "id": "cross-entropy" } ],
              "training": { "epochs": 2, "batchSize": 16 } }
            """;

    private const string Linear = """{ "id": "linear-evaluation", "options": { "neighbours": 3 } }""";

    [Theory]
    [InlineData("barlow-twins")]
    [InlineData("nt-xent")]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string loss)
    {
        var recipe = Recipe(Linear, loss: loss);
        var whole = _runs.Whole(recipe, "whole");
        var (pieces, sittings) = _runs.Pieces(recipe, "pieces", 3);

        Assert.True(sittings > 4);
        foreach (var file in new[] { "student-last", "linear-probe-last", "neighbour-probe-last" })
            Assert.Equal(_runs.Sha256("whole", $"{file}.safetensors"), _runs.Sha256("pieces", $"{file}.safetensors"));
        Assert.Equal((long)whole["steps"]!, (long)pieces["steps"]!);
    }

    [Fact]
    public void Both_judges_are_reported_and_the_linear_one_is_the_networks_last_layer()
    {
        var report = _runs.Whole(Recipe(Linear), "run");
        var linear = (double)report["linear-probe"]!["test_accuracy"]!["last"]!;
        Assert.Equal(linear, (double)report["student"]!["test_accuracy"]!["last"]!);
        Assert.InRange((double)report["neighbour-probe"]!["test_accuracy"]!["last"]!, 0, 1);
        using var student = WeightFile.Open(Path.Combine(_runs.Path("run"), "student-last.safetensors"));
        using var probe = WeightFile.Open(Path.Combine(_runs.Path("run"), "linear-probe-last.safetensors"));
        Assert.Equal(student.Bytes("fc.weight").ToArray(), probe.Bytes("fc.weight").ToArray());
    }

    [Fact]
    public void Linear_evaluation_changes_nothing_but_the_last_layer()
    {
        _runs.Whole(Recipe("""{ "id": "supervised" }""").Replace("\"epochs\": 2", "\"epochs\": 0"), "fresh");
        var recipe = Recipe(Linear)
            .Replace(
                "\"options\": { \"depth\": 8 }",
                "\"options\": { \"depth\": 8 }, \"weights\": \"fresh/student-last.safetensors\""
            );
        var cut =
            recipe[..recipe.IndexOf("\"prepare\"", StringComparison.Ordinal)]
            + recipe[recipe.IndexOf("\"losses\": [ { \"id\": \"cross", StringComparison.Ordinal)..];
        _runs.Whole(cut, "judged");
        using var before = WeightFile.Open(Path.Combine(_runs.Path("fresh"), "student-last.safetensors"));
        using var after = WeightFile.Open(Path.Combine(_runs.Path("judged"), "student-last.safetensors"));
        foreach (var name in before.Entries.Keys)
            Assert.Equal(
                !name.StartsWith("fc.", StringComparison.Ordinal),
                before.Bytes(name).SequenceEqual(after.Bytes(name))
            );
    }

    [Fact]
    public void Views_that_are_not_two_are_refused()
    {
        var failure = Assert.Throws<KdException>(() => _runs.Whole(Recipe(Linear, "\"shared\""), "run"));
        Assert.Equal(CoreErrors.WrongCombination, failure.Code);
        Assert.Contains("two views", failure.Message);
    }

    [Fact]
    public void Neighbours_vote_by_their_similarity()
    {
        using var scope = NewDisposeScope();
        var probe = new NeighbourProbe(new Echo(), 4, 3, neighbours: 2, temperature: 0.5);
        probe.Keep(
            0,
            tensor(
                new float[,]
                {
                    { 2, 0 },
                    { 0, 3 },
                    { 1, 1 },
                }
            ),
            tensor(new long[] { 0, 1, 1 })
        );
        var output = probe.Forward(
            tensor(
                new float[,]
                {
                    { 5, 0 },
                    { 0, 1 },
                }
            ),
            null,
            []
        );
        // The first finds row 0 (cosine 1) and row 2 (cosine 1 / sqrt 2), the second rows 1 and 2; row 3 is empty.
        var far = Math.Exp(Math.Sqrt(0.5) / 0.5) / (Math.Exp(Math.Sqrt(0.5) / 0.5) + Math.Exp(2));
        var shares = output.Logits.exp().data<float>().ToArray();
        double[] expected = [1 - far, far, 0, 0, 1, 0];
        foreach (var (want, got) in expected.Zip(shares))
            Assert.Equal(want, got, 4);
    }

    /// <summary>A network whose embedding is its input.</summary>
    private sealed class Echo() : nn.Module<Tensor, Tensor>(nameof(Echo)), INetwork
    {
        public nn.Module Module => this;

        public NetworkShape Shape { get; } = new([2], 3, 2, []);

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
            new(input, input, new Dictionary<string, Tensor>());

        public override Tensor forward(Tensor input) => input;
    }
}
