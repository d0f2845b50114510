using KdPlugins.Core;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

/// <summary>
/// Inputs and values of the authors' own functions in double precision, rounded to the digits given here.
/// </summary>
internal static class Goldens
{
    internal static readonly double[] Cifar100Mean = [.5071, .4867, .4408];
    internal static readonly double[] Cifar100Std = [.2675, .2565, .2761];

    internal static Tensor T(params double[] values) => tensor(values, ScalarType.Float64);

    internal static void Near(double[] expected, Tensor found, double tolerance = 1e-6)
    {
        var values = found.to(ScalarType.Float64).contiguous().data<double>().ToArray();
        Assert.Equal(expected.Length, values.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.InRange(values[i], expected[i] - tolerance, expected[i] + tolerance);
    }

    internal static void Near(double expected, Tensor found, double tolerance = 1e-6) =>
        Near([expected], found.reshape(1), tolerance);

    // The student's phase: two samples of three classes.
    internal static Tensor Inputs => T(1, 2, 3, 5).view(2, 2);
    internal static Tensor StoredLogits => T(30, 0, -15, 6, 12, 45).view(2, 3);
    internal static Tensor StudentLogits => T(3, -1, 0, 0, 2, 1).view(2, 3);
    internal static Tensor Partners => tensor(new long[] { 1, 0 });
    internal const double Share = 0.3;

    // Teacher m answers [10 m a, 5 b - m, a + b] to an input (a, b).
    internal static Tensor Teacher(int m, Tensor input)
    {
        var (a, b) = (input.select(1, 0), input.select(1, 1));
        return stack([a * (10 * m), b * 5 - m, a + b], 1);
    }

    /// <summary>conv3x3 3->3, norm, ReLU, conv3x3 3->4 of stride 2, norm, ReLU, mean over pixels, linear 4->3.</summary>
    internal sealed class TinyNet : nn.Module<Tensor, Tensor>, INetwork
    {
        private readonly Conv2d conv1 = nn.Conv2d(3, 3, 3, padding: 1);
        private readonly BatchNorm2d bn1 = nn.BatchNorm2d(3);
        private readonly Conv2d conv2 = nn.Conv2d(3, 4, 3, stride: 2, padding: 1);
        private readonly BatchNorm2d bn2 = nn.BatchNorm2d(4);
        private readonly Linear fc = nn.Linear(4, 3);

        internal TinyNet()
            : base("tiny")
        {
            RegisterComponents();
            this.to(ScalarType.Float64);
            Fill();
            eval();
            foreach (var p in parameters())
                p.requires_grad = false;
        }

        public nn.Module Module => this;

        public NetworkShape Shape => new([3, 8, 8], 3, 0, []);

        public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps) =>
            new(call(input), null, new Dictionary<string, Tensor>());

        public override Tensor forward(Tensor x)
        {
            x = bn1.call(conv1.call(x)).relu();
            x = bn2.call(conv2.call(x)).relu();
            return fc.call(x.mean([2, 3]));
        }

        // Trainable tensor k, flat index j: 0.08 sin(1 + k + 0.01 j); scales of norms plus 1.
        private void Fill()
        {
            Parameter[] all =
            [
                conv1.weight,
                conv1.bias!,
                bn1.weight!,
                bn1.bias!,
                conv2.weight,
                conv2.bias!,
                bn2.weight!,
                bn2.bias!,
                fc.weight,
                fc.bias!,
            ];
            using var _ = no_grad();
            for (var k = 0; k < all.Length; k++)
            {
                var j = arange(all[k].numel(), dtype: ScalarType.Float64);
                var values = (j * 0.01 + (1 + k)).sin() * 0.08;
                if (k is 2 or 6)
                    values += 1;
                all[k].copy_(values.view(all[k].shape));
            }
        }
    }

    internal static Tensor Natural => (arange(3 * 3 * 64, dtype: ScalarType.Float64) * 0.29).sin().view(3, 3, 8, 8);
}
