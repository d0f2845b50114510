using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Testing;
using Xunit;

namespace KdPlugins.Core.Tests.Recipes;

public sealed class RecipeSchemaTests
{
    private static readonly JsonObject Schema = JsonNode.Parse(RecipeSchema.Make(SamplePlugins.Catalog()))!.AsObject();

    private static IReadOnlyList<string> Check(JsonNode recipe) => new JsonSchemaChecker(Schema).Check(recipe);

    [Fact]
    public void The_schema_is_the_recorded_one() =>
        Snapshooter.Xunit.Snapshot.Match(RecipeSchema.Make(SamplePlugins.Catalog()));

    [Theory]
    [InlineData(SampleRecipes.Full)]
    [InlineData(SampleRecipes.Smallest)]
    public void Recipes_and_their_resolved_forms_are_valid(string text)
    {
        Assert.Empty(Check(SampleRecipes.Tree(text)));
        Assert.Empty(Check(SampleRecipes.Tree(SampleRecipes.Read(text).ToResolvedJson())));
    }

    /// <summary>Settings that the schema alone can refuse, and where it does.</summary>
    [Theory]
    [InlineData("trainig", "{}", "$.trainig")]
    [InlineData("name", "\"Not Kebab\"", "$.name: pattern")]
    [InlineData("device", "\"gpu\"", "$.device: pattern")]
    [InlineData("precision", "\"bf32\"", "$.precision: enum")]
    [InlineData("baseline", "1", "$.baseline: type")]
    [InlineData("seeds", "[]", "$.seeds: minItems")]
    [InlineData("strategy", "{\"id\":\"nope\"}", "$.strategy.id: enum")]
    [InlineData("strategy", "{}", "$.strategy: required")]
    [InlineData("training", "{\"epochs\":-1}", "$.training.epochs: minimum")]
    [InlineData("training", "{\"epochs\":1.5}", "$.training.epochs: type")]
    [InlineData(
        "training",
        "{\"optimiser\":{\"learningRate\":0}}",
        "$.training.optimiser.learningRate: exclusiveMinimum"
    )]
    [InlineData("losses", "[{\"id\":\"kd\",\"options\":{\"temprature\":1}}]", "$.losses[0].options: anyOf")]
    [InlineData("losses", "[{\"id\":\"kd\",\"options\":{\"temperature\":0}}]", "$.losses[0].options: anyOf")]
    [InlineData("losses", "[{\"id\":\"cross-entropy\",\"options\":{\"temperature\":1}}]", "$.losses[0].options: anyOf")]
    [InlineData(
        "models",
        "{\"student\":{\"id\":\"cifar-resnet\",\"weights\":{\"prefix\":\"a\"}}}",
        "$.models.student.weights: anyOf"
    )]
    [InlineData(
        "models",
        "{\"student\":{\"id\":\"cifar-resnet\",\"weights\":\"\"}}",
        "$.models.student.weights: anyOf"
    )]
    [InlineData("models", "{\"My_Role\":{\"id\":\"cifar-resnet\"}}", "$.models.My_Role: pattern")]
    public void What_is_wrong_is_refused_where_it_is(string key, string value, string error)
    {
        var recipe = SampleRecipes.Tree(SampleRecipes.Full);
        recipe[key] = JsonNode.Parse(value);

        Assert.Contains(error, Check(recipe));
    }

    [Fact]
    public void Descriptions_come_from_documentation_or_from_attributes()
    {
        Assert.Equal(
            "The folder that holds one folder per class.",
            Schema["$defs"]!["dataset.folder"]!["properties"]!["path"]!["description"]!.GetValue<string>()
        );
        Assert.Equal(
            "Samples that the networks see at once, at least 1. An update is made of one such batch, or of \"accumulate\" of them.",
            Schema["$defs"]!["training"]!["properties"]!["batchSize"]!["description"]!.GetValue<string>()
        );
    }

    [Fact]
    public void An_empty_catalog_still_has_a_schema()
    {
        var schema = JsonNode.Parse(RecipeSchema.Make(new TestCatalog()))!;

        Assert.Empty(schema["$defs"]!["loss"]!["properties"]!["id"]!["enum"]!.AsArray());
    }
}
