using KdPlugins.Core;
using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

/// <summary>A bound loss in double precision whose heads are the identity, as the golden values want it.</summary>
internal sealed class IcdUnderTest
{
    internal IcdUnderTest(long width, double logScale = 1, double alpha = 0.5)
    {
        Loss = Stubs.Plugin<IcdLoss>(
            new IcdOptions
            {
                Alpha = alpha,
                Dimension = (int)width,
                InitialLogScale = logScale,
            }
        );
        Loss.Bind(Binding(width, width));
        Loss.Module!.to(ScalarType.Float64);
        using var _ = no_grad();
        foreach (var head in new[] { "embed_s", "embed_t" })
        {
            this[$"{head}.weight"].copy_(eye(width, dtype: ScalarType.Float64));
            this[$"{head}.bias"].zero_();
        }
    }

    internal IcdLoss Loss { get; }

    internal Dictionary<string, Tensor> Reported { get; private set; } = [];

    /// <summary>A parameter of the loss.</summary>
    internal Tensor this[string name] => Loss.Module!.get_parameter(name)!;

    internal double[] Gradient(string name) => Flat(this[name].grad!);

    internal Tensor Compute(Tensor student, Tensor teacher)
    {
        var context = Context(student, teacher);
        var value = Loss.Compute(context);
        Reported = context.Reported;
        return value;
    }

    internal double Value(Tensor student, Tensor teacher) => Compute(student, teacher).item<double>();

    internal double Part(string name) => Reported[name].item<double>();

    internal static LossContextStub Context(Tensor? student, Tensor? teacher)
    {
        var count = student?.shape[0] ?? 2;
        Batch batch = new(zeros(count, 1), new NoTarget(count), arange(count, ScalarType.Int64));
        var logits = zeros(count, 2);
        return new(Stubs.Output(logits, student), Stubs.Output(logits, teacher), batch);
    }

    internal static LossBinding Binding(long student, long teacher) =>
        new(
            new Dictionary<string, NetworkShape>
            {
                ["student"] = new([student], 2, student, []),
                ["teacher"] = new([teacher], 2, teacher, []),
            },
            Stubs.Data([3, 8, 8], 2),
            10,
            CPU
        );

    internal static double[] Flat(Tensor values) => values.detach().contiguous().data<double>().ToArray();
}
