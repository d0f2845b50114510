using KdPlugins.Testing;

namespace Plugin._1.Tests;

public sealed class KdClassStrategyTests
{
    public static IEnumerable<object[]> Checks => Conformance.Strategy<KdClassStrategy>().Theory();

    [SkippableTheory, MemberData(nameof(Checks))]
    public void Conforms(ConformanceCheck check)
    {
        var outcome = check.Run();
        Skip.If(outcome.IsSkipped, outcome.Detail);
    }

    [Fact]
    public void Both_stages_have_the_epochs_that_they_are_given()
    {
        using var run = new RecipeRun(new TestCatalog([typeof(KdClassStrategy), .. KitParts.Types]));
        var steps = new Dictionary<string, int>();
        run.Observed(
            KitParts.Recipe(strategy: """{ "id": "plugin-id-1", "options": { "guidedEpochs": 3 } }"""),
            "run",
            progress => steps[progress.Stage] = steps.GetValueOrDefault(progress.Stage) + 1
        );
        // The kit's recipe has 2 epochs of 4 steps.
        Assert.Equal(new() { ["guided"] = 12, ["distil"] = 8 }, steps);
    }
}
