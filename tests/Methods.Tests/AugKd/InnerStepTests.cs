using KdPlugins.Testing;
using KdPlugins.Torch.Weights;

namespace KdPlugins.AugKd.Tests;

/// <summary>How often the first stage updates what: once the generator, then so many times student and encoder.</summary>
public sealed class InnerStepTests : IDisposable
{
    private readonly RecipeRun _runs = new(SmallRun.Catalog);

    public InnerStepTests() => GuardedShapes.Current = new();

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void A_step_of_the_first_stage_has_its_number_of_inner_steps(int inner)
    {
        var recipe = SmallRun
            .Recipe(""", "through": "data-free" """)
            .Replace("\"innerSteps\": 2", $"\"innerSteps\": {inner}");
        _runs.Whole(recipe, "run");
        // The student's norms count its passes in training mode: one of the generator's update, one of each inner step.
        var passes = SmallRun.Steps["data-free"] * (1 + inner);
        using var file = WeightFile.Open(Path.Combine(_runs.Path("run"), "student-last.safetensors"));
        var counts = file.Entries.Keys.Where(name => name.EndsWith("num_batches_tracked", StringComparison.Ordinal));
        Assert.NotEmpty(counts);
        Assert.All(counts, name => Assert.Equal(passes, file.ToTensor(name).item<long>()));
    }

    [Fact]
    public void Defaults_are_the_published_ones()
    {
        var options = new AugKdOptions();
        Assert.Equal((200, 5), (options.StepsPerEpoch, options.InnerSteps));
    }
}
