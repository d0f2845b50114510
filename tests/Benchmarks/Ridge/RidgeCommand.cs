using System.Globalization;
using KdPlugins.Benchmarks.Step;
using KdPlugins.KrrSt;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Benchmarks.RidgeStep;

/// <summary>
/// Where a step of KRR-ST spends its time: the pool's network 128-256-512 on 32x32 images, kernel and solve, and the way
/// back, each by itself.
/// </summary>
internal static class RidgeCommand
{
    private const long Targets = 512;
    private const string ForwardSet = "network, synthetic images, forward";
    private const string ForwardReal = "network, real images, forward";
    private const string RidgeForward = "kernels and solve, forward";
    private const string RidgeBackward = "kernels and solve, backward";
    private const string Backward = "network, synthetic images, backward";
    private const string Inner = "network's own step, forward and backward";
    private const string SolveAlone = "(the solve alone, forward and backward)";

    /// <param name="args">--images 250 --batch 256 --rounds 3 --threads 1</param>
    internal static int Run(string[] args)
    {
        long Option(string name, long fallback)
        {
            var at = Array.IndexOf(args, name);
            return at < 0 ? fallback : long.Parse(args[at + 1], CultureInfo.InvariantCulture);
        }
        var (images, batch, rounds) = (Option("--images", 250), Option("--batch", 256), Option("--rounds", 3));
        TorchOps.set_num_threads((int)Option("--threads", 1));
        using var seeded = RandomScope.Use(1);
        var network = Network();
        var laps = new List<IReadOnlyDictionary<string, double>>();
        for (var round = 0; round <= rounds; round++)
        {
            using var scope = NewDisposeScope();
            var lap = new Lap();
            Measure(network, images, batch, lap);
            if (round > 0) // the first one warms up
                laps.Add(lap.Totals);
        }
        Print(images, batch, laps);
        return 0;
    }

    private static nn.Module<Tensor, Tensor> Network()
    {
        long[] widths = [3, 128, 256, 512];
        var parts = new List<nn.Module<Tensor, Tensor>>();
        for (var i = 1; i < widths.Length; i++)
        {
            parts.Add(nn.Conv2d(widths[i - 1], widths[i], 3, padding: 1));
            parts.Add(nn.BatchNorm2d(widths[i]));
            parts.Add(nn.ReLU());
            parts.Add(nn.AvgPool2d(2, 2));
        }
        parts.Add(nn.Flatten());
        return nn.Sequential(parts).ToChannelsLast();
    }

    private static void Measure(nn.Module<Tensor, Tensor> network, long images, long batch, Lap lap)
    {
        var x = randn(images, 3, 32, 32).ToChannelsLast().requires_grad_(true);
        var real = randn(batch, 3, 32, 32).ToChannelsLast();
        var y = randn(images, Targets, requires_grad: true);
        var taught = randn(batch, Targets);
        var weights = network.parameters().ToArray();
        foreach (var weight in weights)
            weight.requires_grad = false;
        network.eval();

        lap.Start();
        var features = network.call(x);
        lap.Note(ForwardSet);
        Tensor ofReal;
        using (no_grad())
            ofReal = network.call(real);
        lap.Note(ForwardReal);
        // Cut off, so that the way back through kernel and solve has a time of its own.
        var leaf = features.detach().requires_grad_(true);
        var loss = Ridge.Loss(leaf, ofReal, y, taught, 1e-6);
        lap.Note(RidgeForward);
        loss.backward();
        lap.Note(RidgeBackward);
        features.backward([leaf.grad!]);
        lap.Note(Backward);

        var kernel = randn(images, images + 8, dtype: ScalarType.Float64);
        var system = (kernel.mm(kernel.t()) + eye(images, dtype: ScalarType.Float64)).requires_grad_(true);
        var right = randn(images, Targets, dtype: ScalarType.Float64, requires_grad: true);
        lap.Start();
        linalg.solve(system, right).sum().backward();
        lap.Note(SolveAlone);

        foreach (var weight in weights)
            weight.requires_grad = true;
        network.train();
        lap.Start();
        network.call(x.detach()).square().mean().backward();
        lap.Note(Inner);
        network.zero_grad();
    }

    private static void Print(long images, long batch, List<IReadOnlyDictionary<string, double>> laps)
    {
        var medians = laps[0].Keys.ToDictionary(k => k, k => Statistics.Median(laps.Select(l => l[k])));
        var total = medians.Where(m => m.Key != SolveAlone).Sum(m => m.Value);
        Console.WriteLine($"{images} synthetic and {batch} real images, median of {laps.Count} steps");
        foreach (
            var name in new[] { ForwardSet, ForwardReal, RidgeForward, RidgeBackward, Backward, Inner, SolveAlone }
        )
            Console.WriteLine($"{name, -45} {medians[name], 9:0.0} ms {medians[name] / total, 7:0.0%}");
    }
}
