using KdPlugins.Torch.Optim;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

/// <summary>20 steps against TorchSharp's own optimisers, which loop over the parameters.</summary>
public class TorchSharpAgreementTests
{
    private static void Compare(Func<Quadratics, optim.Optimizer> ours, Func<Quadratics, optim.Optimizer> theirs)
    {
        using var scope = NewDisposeScope();
        using var mine = new Quadratics(ScalarType.Float64);
        using var other = new Quadratics(ScalarType.Float64);
        using var first = ours(mine);
        using var second = theirs(other);
        mine.Train(first, 0, 20);
        other.Train(second, 0, 20);
        for (var k = 0; k < 3; k++)
            Assert.All(other.Values(k).Zip(mine.Values(k)), v => Assert.Equal(v.First, v.Second, 1e-12));
    }

    [Theory]
    [InlineData(0, 0, 0.02, false)]
    [InlineData(0.9, 0, 0.02, false)]
    [InlineData(0.9, 0.3, 0, false)]
    [InlineData(0.9, 0, 0.02, true)]
    public void Sgd(double momentum, double dampening, double decay, bool nesterov) =>
        Compare(
            q => new FusedSgd(
                [new SgdGroup(q.Named(0, 1)), new SgdGroup(q.Named(2), learningRate: 0.01)],
                0.05,
                momentum,
                decay,
                dampening,
                nesterov
            ),
            q => new SGD(
                [
                    new SGD.ParamGroup([q.Parameters[0], q.Parameters[1]], new SGD.Options()),
                    new SGD.ParamGroup([q.Parameters[2]], new SGD.Options { LearningRate = 0.01 }),
                ],
                0.05,
                momentum,
                dampening,
                decay,
                nesterov
            )
        );

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void Adam(double decay) =>
        Compare(
            q => new FusedAdam(q.Named(0, 1, 2), 0.02, 0.8, 0.95, 1e-6, decay),
            q => new Adam(q.Parameters, 0.02, 0.8, 0.95, 1e-6, decay)
        );

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void AdamW(double decay) =>
        Compare(
            q => new FusedAdam(q.Named(0, 1, 2), 0.02, 0.8, 0.95, 1e-6, decay, decoupled: true),
            q => new AdamW(q.Parameters, 0.02, 0.8, 0.95, 1e-6, decay)
        );
}
