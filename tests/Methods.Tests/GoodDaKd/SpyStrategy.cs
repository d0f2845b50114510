using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd.Tests;

/// <summary>Writes down the teacher's mean probabilities of every batch, by plain loops.</summary>
[KdStrategy("spy")]
public sealed class SpyStrategy : DistillationStrategy<NoOptions>
{
    /// <summary>Where to; of the test that runs.</summary>
    public static AsyncLocal<List<double[]>> Seen { get; } = new();

    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [new("look", StageLength.Steps(30), step => Seen.Value!.Add(Look(step)))];

    private static double[] Look(IStepContext step)
    {
        var logits = step.Forward(Roles.Teacher, step.Next("train"), []).Logits.to(ScalarType.Float64);
        var (rows, values) = ((int)logits.shape[0], logits.contiguous().data<double>().ToArray());
        var mean = new double[3];
        for (var i = 0; i < rows; i++)
        {
            var sum = 0.0;
            for (var c = 0; c < 3; c++)
                sum += Math.Exp(values[3 * i + c]);
            for (var c = 0; c < 3; c++)
                mean[c] += Math.Exp(values[3 * i + c]) / sum / rows;
        }
        return mean;
    }
}
