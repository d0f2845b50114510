using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.GoodDaKd.Tests.Maths;
using KdPlugins.Testing;

namespace KdPlugins.GoodDaKd.Tests;

public sealed class OutcomeTests
{
    private static IReadOnlyList<Outcome> Read(string report, params string[] texts)
    {
        using var run = new RecipeRun(Recipes.Catalog);
        var session = run.Tools(Recipes.Shapes("""{ "id": "offline" }"""));
        session.Report = folder =>
        {
            Assert.Equal("a=run", folder);
            return JsonNode.Parse(report)!.AsObject();
        };
        return Outcome.Read(texts, CandidateText.Parse("cutmix,mixup"), session.Context("rank-augmentations", []));
    }

    [Theory]
    [InlineData("""{ "student": { "test_loss": { "last": 1.5 }, "validation_loss": { "last": 2 } } }""", 1.5)]
    [InlineData("""{ "student": { "validation_loss": { "last": 2 } } }""", 2)]
    [InlineData("""{ "result": "small", "student": {}, "small": { "test_loss": { "last": 3 } } }""", 3)]
    public void The_loss_is_the_last_on_the_test_set(string report, double loss) =>
        Assert.Equal([new Outcome("mixup", loss)], Read(report, "mixup=a=run"));

    [Fact]
    public void What_is_no_outcome_is_refused()
    {
        const string good = """{ "student": { "test_loss": { "last": 1.5 } } }""";
        GroupDeviationTests.Refused(
            CoreErrors.ToolInput,
            "'a=run' has no test loss of 'student'",
            () => Read("""{ "student": { "test_accuracy": { "last": 1 } } }""", "mixup=a=run")
        );
        GroupDeviationTests.Refused(CoreErrors.ToolArguments, "'mixup' is no outcome", () => Read(good, "mixup"));
        GroupDeviationTests.Refused(CoreErrors.ToolArguments, "'cutout=x' is no", () => Read(good, "cutout=x"));
        GroupDeviationTests.Refused(
            CoreErrors.ToolArguments,
            "Two outcomes are given for 'mixup'",
            () => Read(good, "mixup=a=run", "mixup=a=run")
        );
    }
}
