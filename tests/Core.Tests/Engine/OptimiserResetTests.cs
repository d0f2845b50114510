using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

public sealed class OptimiserResetTests
{
    private static readonly Progress Start = new("stage", 0, 10, 1);

    [Theory]
    [InlineData("sgd")]
    [InlineData("adamw")]
    public void What_an_optimiser_has_gathered_is_forgotten(string name)
    {
        using var scope = NewDisposeScope();
        var settings = new OptimiserSettings { Name = name, LearningRate = 0.1 };
        var plan = new TrainingPlan(1, 1, settings, _ => 1, ScalarType.Float32);
        using var optimisers = new Optimisers(plan);
        var parameter = new Parameter(zeros(1));
        var trainable = new Trainable("p", [("p", parameter)], null, null);

        float Step(float gradient)
        {
            var before = parameter.item<float>();
            parameter.grad = full([1], gradient);
            optimisers.Step(trainable, Start);
            return parameter.item<float>() - before;
        }

        var first = Step(1);
        Step(-3);
        Assert.NotEqual(first, Step(1), 4);
        optimisers.Restart(trainable);
        Assert.Empty(optimisers.All);
        Assert.Equal(first, Step(1), 6);
        optimisers.Restart(new Trainable("unknown", [("q", parameter)], null, null));
        Assert.Single(optimisers.All);
    }
}
