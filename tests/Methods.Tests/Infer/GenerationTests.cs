using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch.Optim;
using TorchSharp;
using TorchSharp.Modules;
using static KdPlugins.Infer.Tests.Goldens;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

public sealed class GenerationTests
{
    private static Tensor Labels => arange(3);

    private static (Tensor Ce, Tensor Gap) Terms(TinyNet net, Tensor input) => InversionTests.Terms(net, input, Labels);

    [Fact]
    public void Golden_8_three_iterations_of_one_compensator()
    {
        using var _ = NewDisposeScope();
        var net = new TinyNet();
        Assert.Equal(225, net.parameters().Sum(p => p.numel()));
        var u = new Parameter(zeros(1, 3, 8, 8, dtype: ScalarType.Float64));
        using var adam = new FusedAdam([("u", u)], 0.25, 0.5, 0.9, 1e-8);
        (long Down, long Right)[] offsets = [(1, 2), (0, 4), (3, 3)];
        var saved = zeros(1);
        for (var e = 0; e < 3; e++)
        {
            saved = Clamped(Natural + u.detach());
            adam.zero_grad();
            var (ce, gap) = Terms(net, SynthesisMath.Roll(Natural + u, offsets[e].Down, offsets[e].Right));
            (ce + gap).backward();
            if (e == 0)
            {
                Near(1.0985812, ce);
                Near(20.1255695, gap);
                Near(21.2241507, ce + gap);
                Near(2.3903932, u.grad!.norm());
                Near([0.2136473, 0.2110339, 0.2158829, 0.2188470], u.grad.flatten()[..4]);
            }
            if (e == 2)
            {
                Near(1.0986403, ce);
                Near(22.3266804, gap);
                Near(23.4253207, ce + gap);
            }
            adam.ParamGroups.Single().LearningRate = 0.25 * SynthesisMath.CosineDecay(e, 3);
            Assert.Equal(new[] { 0.25, 0.1875, 0.0625 }[e], adam.ParamGroups.Single().LearningRate, 1e-12);
            adam.step();
            if (e == 0)
                Near(Enumerable.Repeat(-0.25, 192).ToArray(), u.flatten(), 4e-8);
        }
        Near([-0.2079139, -0.2112384, -0.2044577, -0.2311808], u.flatten()[..4]);
        Near(-30.8377427, u.sum());
        Near(2.2968280, u.norm());
        // The official code stores what was there before the last step.
        var pixels = saved * Channels(Cifar100Std) + Channels(Cifar100Mean);
        Near(246.3019999, pixels.sum(), 1e-5);
        Near(0.0935963, pixels.min());
        Near(0.7347171, pixels.max());
    }

    [Fact]
    public void Golden_7_the_shared_compensators_gradient_is_the_mean_of_its_images_own()
    {
        using var _ = NewDisposeScope();
        var net = new TinyNet();
        var u = zeros(1, 3, 8, 8, dtype: ScalarType.Float64).requires_grad_(true);
        Terms(net, Natural + u).Ce.backward();
        var mean = zeros(1, 3, 8, 8, dtype: ScalarType.Float64);
        for (var c = 0; c < 3; c++)
        {
            var x = Natural[c..(c + 1)].clone().requires_grad_(true);
            nn.functional.cross_entropy(net.call(x), Labels[c..(c + 1)]).backward();
            mean += x.grad! / 3;
        }
        Near(mean.flatten().data<double>().ToArray(), u.grad!.flatten(), 1e-12);
    }

    [Fact]
    public void The_whole_objectives_gradient_is_that_of_differences()
    {
        using var _ = NewDisposeScope();
        var net = new TinyNet();
        var at = (arange(192, dtype: ScalarType.Float64) * 0.17).cos().view(1, 3, 8, 8) * 0.1;
        var error = GradientCheck.Error(
            u =>
            {
                var (ce, gap) = Terms(net, SynthesisMath.Roll(Natural + u, 1, 2));
                return ce + gap;
            },
            at
        );
        Assert.InRange(error, 0, 1e-6);
    }

    private static Tensor Channels(double[] values) => T(values).view(1, -1, 1, 1);

    private static Tensor Clamped(Tensor normalised)
    {
        var values = normalised.clone();
        new PixelSpace(Cifar100Mean, Cifar100Std).Clamp(values);
        return values;
    }
}
