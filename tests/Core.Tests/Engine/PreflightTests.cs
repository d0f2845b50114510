using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Recipes tried before they run.</summary>
public sealed class PreflightTests
{
    public static TheoryData<string> Names => [.. ProofTests.Recipes.Keys];

    private static PreflightOptions Few => new() { Samples = 16, Steps = 2 };

    [Theory]
    [MemberData(nameof(Names))]
    public void Methods_of_every_form_are_tried_stage_by_stage(string name)
    {
        var recipe = EngineRun.Read(ProofTests.Recipes[name]);
        var report = Preflight.Run(recipe, EngineRun.Catalog, Few);
        Assert.NotEmpty(report.Stages);
        Assert.All(report.Stages, s => Assert.True(s.Steps > 0 && s.StepSeconds > 0, s.Name));
        Assert.Equal(report.Stages.Count, report.Stages.Select(s => s.Name).Distinct().Count());
        foreach (var section in recipe.Models)
            Assert.Contains(report.Roles, r => r.Role == section.Role);
        Assert.Equal(recipe.Models.Any(m => m.Role == Roles.Teacher), report.Teacher is not null);
        Assert.True(report.CheckpointBytes > report.Roles.Sum(r => r.Bytes));
        Assert.True(report.DiskBytes > report.CheckpointBytes);
    }

    [Fact]
    public void A_batch_is_traced_through_every_tap()
    {
        var report = Preflight.Run(EngineRun.Read(ProofTests.Recipes["offline"]), EngineRun.Catalog, Few);
        var teacher = report.Roles.Single(r => r.Role == Roles.Teacher);
        Assert.Equal(
            [("input", "[16, 3, 8, 8]"), ("map", "[16, 8, 8, 8]"), ("embedding", "[16, 8]"), ("logits", "[16, 12]")],
            teacher.Values.Select(v => (v.Name, TensorText.Shape([.. v.Shape])))
        );
        // 3x8 filters of 3x3, batch norm's two vectors, the last layer with its bias.
        Assert.Equal(3 * 8 * 9 + 2 * 8 + 12 * 8 + 12, teacher.Parameters);
        Assert.Equal(16, report.Teacher.Samples);
        Assert.Equal([true, false, false], report.Stages.Select(s => s.Once));
    }

    [Fact]
    public void Seeds_multiply_what_they_do_not_share()
    {
        var seeds = new RecipeOverrides(["seeds=[1,2,3]"], new Dictionary<string, string>());
        var recipe = RecipeReader.ReadText(ProofTests.Recipes["offline"], ".", seeds, EngineRun.Catalog);
        var report = Preflight.Run(recipe, EngineRun.Catalog, Few);
        var expected = report.Stages.Sum(s => s.Once ? s.Seconds : 3 * s.Seconds);
        Assert.Equal(expected, report.Seconds, 9);
        Assert.Equal(0, report.DiskBytes % 3);
    }

    [Fact]
    public void A_network_that_misstates_a_tap_is_found()
    {
        var text = ProofTests.Recipes["ridge"].Replace("\"tiny\"", "\"lying\"");
        var catalog = EngineRun.Catalog.With(typeof(LyingModel));
        var recipe = RecipeReader.ReadText(text, ".", RecipeOverrides.None, catalog);
        var error = Assert.Throws<KdException>(() => Preflight.Run(recipe, catalog, Few));
        Assert.Equal(CoreErrors.ShapesDiffer, error.Code);
        Assert.Contains("map [1, 2, 3]", error.Message);
        Assert.Contains("[4, 8, 8]", error.Message);
        Assert.Equal(0, catalog.Live);
    }
}

/// <summary>Says that its tap has another shape than it has.</summary>
[KdModel("lying")]
public sealed class LyingModel : ModelPlugin<TinyOptions>
{
    public override INetwork Create(ModelRequest request) => new LyingNetwork(new(Options.Width, request));

    private sealed class LyingNetwork(TinyNetwork inner) : INetwork
    {
        public TorchSharp.torch.nn.Module Module => inner;

        public NetworkShape Shape { get; } =
            new(inner.Shape.Input, inner.Shape.Classes, inner.Shape.Embedding, [new Tap("map", [1, 2, 3], false)]);

        public ModelOutput Forward(
            TorchSharp.torch.Tensor input,
            TorchSharp.torch.Tensor mask,
            IReadOnlyCollection<string> taps
        ) => inner.Forward(input, mask, taps);
    }
}
