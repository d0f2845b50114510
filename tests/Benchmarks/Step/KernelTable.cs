using System.Diagnostics;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Benchmarks.Step;

/// <summary>
/// The operators of the float32 step one by one, at the step's shapes: milliseconds of one call (the fastest of some
/// rounds), and times the number of calls. Projections, pooling and the classifier are left out.
/// </summary>
internal static class KernelTable
{
    // Channels, side, and the 3x3 convolutions of that shape in resnet20 and in resnet56.
    private static readonly (int Channels, int Side, int Student, int Teacher)[] Shapes =
    [
        (16, 32, 6, 18),
        (32, 16, 5, 17),
        (64, 8, 5, 17),
    ];

    internal static void Print(StepOptions options)
    {
        set_num_threads(options.Threads);
        Console.WriteLine(
            $"{"ms per call", -26} {"16, 32x32", 10} {"32, 16x16", 10} {"64, 8x8", 10} {"ms per step", 12}"
        );
        var columns = Shapes.Select(s => Measure(s.Channels, s.Side, options.Rounds)).ToArray();
        foreach (var (name, perBlock, isTeacher) in Rows)
        {
            var calls = Shapes.Select(s => (isTeacher ? s.Teacher : s.Student) * perBlock).ToArray();
            var total = columns.Select((c, i) => c[name] * calls[i]).Sum();
            Console.WriteLine(
                $"{name, -26} {columns[0][name], 10:f3} {columns[1][name], 10:f3} {columns[2][name], 10:f3} {total, 12:f1}"
            );
        }
    }

    // Calls per 3x3 convolution.
    private static readonly (string Name, double PerConvolution, bool IsTeacher)[] Rows =
    [
        ("teacher: conv+relu", 0.5, true),
        ("teacher: conv+add+relu", 0.5, true),
        ("conv forward", 1, false),
        ("batch norm forward", 1, false),
        ("relu forward", 1, false),
        ("add forward", 0.5, false),
        ("conv backward", 1, false),
        ("batch norm backward", 1, false),
        ("relu backward", 1, false),
    ];

    private static Dictionary<string, double> Measure(int channels, int side, int rounds)
    {
        using var scope = NewDisposeScope();
        long[] shape = [DistillationStep.Batch, channels, side, side];
        var x = randn(shape).ToChannelsLast();
        var other = randn(shape).ToChannelsLast();
        var convolution = nn.Conv2d(channels, channels, 3, padding: 1, bias: false).ToChannelsLast();
        var norm = nn.BatchNorm2d(channels);
        var frozen = FrozenConv2d.From(convolution, norm, relu: true);
        double Forward(Func<Tensor> f)
        {
            using var noGrad = no_grad();
            return Fastest(() => f().Dispose(), rounds);
        }
        double Backward(Func<Tensor, Tensor> f)
        {
            var leaf = x.detach().clone().requires_grad_();
            using var y = f(leaf);
            Tensor[] inputs = [leaf, .. convolution.parameters(), .. norm.parameters()];
            return Fastest(
                () =>
                {
                    foreach (
                        var gradient in autograd.grad([y], inputs, [other], retain_graph: true, allow_unused: true)
                    )
                        gradient?.Dispose();
                },
                rounds
            );
        }
        return new()
        {
            ["teacher: conv+relu"] = Forward(() => frozen.call(x)),
            ["teacher: conv+add+relu"] = Forward(() => frozen.ForwardAdd(x, other, overwriteResidual: true)),
            ["conv forward"] = Forward(() => convolution.call(x)),
            ["batch norm forward"] = Forward(() => norm.call(x)),
            ["relu forward"] = Forward(() => x.alias().relu_()),
            ["add forward"] = Forward(() => x.alias().add_(other)),
            ["conv backward"] = Backward(convolution.call),
            ["batch norm backward"] = Backward(norm.call),
            ["relu backward"] = Backward(leaf => leaf.relu()),
        };
    }

    private static double Fastest(Action call, int rounds)
    {
        const int calls = 10;
        var best = double.MaxValue;
        for (var round = 0; round <= rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < calls; i++)
                call();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds / calls);
        }
        return best;
    }
}
