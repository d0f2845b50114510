using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>Cross-entropy weighted by class, against loops over doubles.</summary>
public class ClassWeightTests
{
    private static readonly double[,] Zs =
    {
        { 1, 2, .5 },
        { 0, 1, -1 },
        { 2, 0, 1 },
        { -1, .5, 0 },
    };

    private static readonly long[] Labels = [0, 2, 2, 1];

    private static CrossEntropyLoss Bound(CrossEntropyOptions options, long[]? counts = null)
    {
        var loss = Make.Plugin<CrossEntropyLoss>(options);
        loss.Bind(
            new LossBinding(new Dictionary<string, NetworkShape>(), Stubs.Data([3, 8, 8], 3), 100, CPU)
            {
                Counting = () => counts ?? [],
            }
        );
        return loss;
    }

    private static double Value(CrossEntropyLoss loss, Target target) =>
        loss.Compute(Make.Loss(Make.Doubles(Zs), null, Make.Batch(target))).item<double>();

    private static double[] LogP(int row)
    {
        var p = Numeric.Softmax([Zs[row, 0], Zs[row, 1], Zs[row, 2]], 1);
        return [.. p.Select(x => Math.Log(x))];
    }

    // PyTorch's: smoothing spreads over the classes by their weights, the mean is over the labels' weights.
    private static double Expected(double[] w, double smoothing)
    {
        var (above, below) = (0.0, 0.0);
        for (var b = 0; b < 4; b++)
        {
            var logP = LogP(b);
            above -= (1 - smoothing) * w[Labels[b]] * logP[Labels[b]];
            for (var c = 0; c < 3; c++)
                above -= smoothing / 3 * w[c] * logP[c];
            below += w[Labels[b]];
        }
        return above / below;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    public void Labels_are_weighed_by_their_class(double smoothing)
    {
        using var scope = NewDisposeScope();
        double[] weights = [1, 3, 0.5];
        var loss = Bound(new() { ClassWeights = weights, LabelSmoothing = smoothing });
        Assert.Equal(Expected(weights, smoothing), Value(loss, new ClassIndexTarget(tensor(Labels))), 1e-12);
    }

    [Fact]
    public void Balanced_weights_are_what_the_training_samples_lack()
    {
        using var scope = NewDisposeScope();
        var loss = Bound(new() { BalancedClasses = true }, [60, 10, 30]);
        double[] weights = [100 / (3 * 60.0), 100 / (3 * 10.0), 100 / (3 * 30.0)];
        Assert.Equal(Expected(weights, 0), Value(loss, new ClassIndexTarget(tensor(Labels))), 1e-12);
        // Of the others where one is missing.
        loss = Bound(new() { BalancedClasses = true }, [60, 0, 40]);
        Assert.Equal(
            Expected([100 / (2 * 60.0), 1, 100 / (2 * 40.0)], 0),
            Value(loss, new ClassIndexTarget(tensor(Labels))),
            1e-12
        );
    }

    [Fact]
    public void Ignored_pixels_weigh_nothing_and_soft_targets_by_their_shares()
    {
        using var scope = NewDisposeScope();
        double[] weights = [1, 3, 0.5];
        var loss = Bound(new() { ClassWeights = weights });
        var map = Make.Doubles(Zs).t().reshape(1, 3, 2, 2);
        var labels = tensor(new long[] { 0, 255, 2, 1 }).reshape(1, 2, 2);
        var target = new ClassMapTarget(labels, 255);
        var found = loss.Compute(Make.Loss(map, null, Make.Batch(target))).item<double>();
        var above = -(LogP(0)[0] + (0.5 * LogP(2)[2]) + (3 * LogP(3)[1]));
        Assert.Equal(above / 4.5, found, 1e-12);
        var soft = Make.Doubles(
            new[,]
            {
                { .5, .5, 0 },
                { 1, 0, 0 },
                { 0, 0, 1 },
                { 0, .25, .75 },
            }
        );
        var expected = 0.0;
        for (var b = 0; b < 4; b++)
        for (var c = 0; c < 3; c++)
            expected -= weights[c] * soft[b, c].item<double>() * LogP(b)[c] / 4;
        Assert.Equal(expected, Value(loss, new SoftTarget(soft)), 1e-12);
    }
}
