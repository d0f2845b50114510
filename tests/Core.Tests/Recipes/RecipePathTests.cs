using KdPlugins.Core.Tests.Support;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Recipes;

/// <summary>Every file and folder that a recipe names is known, wherever in it and in whatever form.</summary>
public sealed class RecipePathTests
{
    public sealed record Nested
    {
        [RecipePath]
        public string File { get; init; } = "";

        public string Text { get; init; } = "no-path";
    }

    public sealed record Positional([property: RecipePath] string First, [RecipePath] string Second);

    public sealed record PathOptions
    {
        [RecipePath]
        public string Default { get; init; } = "default.bin";

        [RecipePath]
        public string? None { get; init; }

        [RecipePath]
        public IReadOnlyList<string> Several { get; init; } = [];

        [RecipePath]
        public IReadOnlyDictionary<string, string> Named { get; init; } = new Dictionary<string, string>();

        public Nested Inner { get; init; } = new();

        public IReadOnlyList<Nested> Inners { get; init; } = [];

        public Positional? Pair { get; init; }
    }

    [KdLoss("path-loss")]
    public sealed class PathLoss : DistillationLoss<PathOptions>
    {
        public override Tensor Compute(ILossContext context) => throw new NotSupportedException();
    }

    [KdStrategy("path-strategy")]
    public sealed class PathStrategy : DistillationStrategy<PathOptions>
    {
        public override IReadOnlyList<Stage> Plan(IPlanContext context) => [];
    }

    [KdDataset("path-set")]
    public sealed class PathSet : DatasetPlugin<PathOptions>
    {
        public override IDataset Open(string baseFolder) => throw new NotSupportedException();
    }

    private static string[] Paths(string text, params string[] settings) =>
        [
            .. SampleRecipes
                .Read(
                    text,
                    new TestCatalog(
                        typeof(PathLoss),
                        typeof(PathStrategy),
                        typeof(PathSet),
                        typeof(SampleNet),
                        typeof(CrossEntropyLoss),
                        typeof(SupervisedStrategy)
                    ),
                    settings
                )
                .Paths.Select(p => $"{p.Key}={p.Text}"),
        ];

    [Theory]
    [InlineData("\"w.pth\"")]
    [InlineData("""{ "path": "w.pth" }""")]
    [InlineData("""{ "path": "w.pth", "prefix": "module.", "head": "replace" }""")]
    public void Weights_are_the_same_path_however_they_are_written(string weights) =>
        Assert.Contains("models.student.weights=w.pth", Paths(Recipe, $"models.student.weights={weights}"));

    private const string Recipe = """
        {
          "name": "paths",
          "dataset": { "id": "path-set" },
          "sources": { "more": { "id": "path-set", "options": { "default": "s" } } },
          "models": { "student": { "id": "cifar-resnet", "weights": "w.pth" }, "teacher": { "like": "student", "weights": "/t.pth" } },
          "losses": [ { "id": "cross-entropy" }, { "id": "path-loss", "options": { "default": "l" } } ],
          "strategy": { "id": "path-strategy", "options": {
            "default": "d", "several": ["a", "b"], "named": { "x": "c" },
            "inner": { "file": "e" }, "inners": [ { "file": "f" }, {} ], "pair": { "first": "g", "second": "h" } } },
          "prepare": [ {
            "role": "teacher",
            "strategy": { "id": "path-strategy", "options": { "default": "p" } },
            "losses": [ { "id": "path-loss", "options": { "default": "q" } } ]
          } ]
        }
        """;

    [Fact]
    public void Paths_are_found_in_every_section_and_form() =>
        Assert.Equal(
            new[]
            {
                "dataset.options.default=default.bin",
                "losses[1].options.default=l",
                "models.student.weights=w.pth",
                "models.teacher.weights=/t.pth",
                "prepare[0].losses[0].options.default=q",
                "prepare[0].strategy.options.default=p",
                "sources.more.options.default=s",
                "strategy.options.default=d",
                "strategy.options.inner.file=e",
                "strategy.options.inners[0].file=f",
                "strategy.options.named.x=c",
                "strategy.options.pair.first=g",
                "strategy.options.pair.second=h",
                "strategy.options.several[0]=a",
                "strategy.options.several[1]=b",
            },
            Paths(Recipe).Order(StringComparer.Ordinal)
        );

    [Fact]
    public void What_a_setting_names_counts() =>
        Assert.Contains(
            "dataset.options.several[0]=/etc",
            Paths(Recipe, "dataset.options.several=[\"/etc\"]", "dataset.options.none=x")
        );

    [Fact]
    public void A_recipe_of_a_file_may_start_elsewhere_and_is_the_same_recipe()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, SampleRecipes.Smallest);
            var moved = RecipeReader.ReadFile(file, "/data", RecipeOverrides.None, SamplePlugins.Catalog());

            Assert.Equal("/data/a", moved.PathOf("a"));
            Assert.Equal(SampleRecipes.Read(SampleRecipes.Smallest).Identity(), moved.Identity());
        }
        finally
        {
            File.Delete(file);
        }
    }
}
