using KdPlugins.Torch.Optim;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

public class OptimizerBehaviourTests
{
    public static TheoryData<string> Kinds() => [.. OptimizerZoo.Kinds];

    private static Parameter Leaf(params double[] values) => new(tensor(values, dtype: ScalarType.Float64));

    private static void SetGradient(Parameter p, params double[] values)
    {
        using var gradient = tensor(values, dtype: ScalarType.Float64).to(p.dtype);
        p.grad = gradient;
    }

    private static double[] Values(Tensor p)
    {
        using var scope = NewDisposeScope();
        return p.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Gradients_are_removed_not_zeroed(string kind)
    {
        using var problem = new Quadratics(ScalarType.Float32);
        using var optimizer = OptimizerZoo.Make(kind, problem);
        problem.SetGradients(1);
        Assert.All(problem.Parameters, p => Assert.NotNull(p.grad));
        optimizer.zero_grad();
        Assert.All(problem.Parameters, p => Assert.Null(p.grad));
        var before = problem.Values(0);
        optimizer.step();
        Assert.Equal(before, problem.Values(0));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Scopes_do_not_take_the_state_away(string kind)
    {
        using var inScopes = new Quadratics(ScalarType.Float64);
        using var plain = new Quadratics(ScalarType.Float64);
        using var first = OptimizerZoo.Make(kind, inScopes);
        using var second = OptimizerZoo.Make(kind, plain);
        for (var t = 0; t < 6; t++)
        {
            using (NewDisposeScope())
                inScopes.Train(first, t, t + 1);
            plain.Train(second, t, t + 1);
        }
        for (var k = 0; k < 3; k++)
            Assert.Equal(plain.Values(k), inScopes.Values(k));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_learning_rate_set_on_a_group_holds_at_once(string kind)
    {
        using var problem = new Quadratics(ScalarType.Float64);
        using var optimizer = OptimizerZoo.Make(kind, problem);
        problem.Train(optimizer, 0, 2);
        var (a, c) = (problem.Values(0), problem.Values(2));
        optimizer.ParamGroups.First().LearningRate = 0;
        problem.Train(optimizer, 2, 3);
        Assert.Equal(a, problem.Values(0));
        Assert.NotEqual(c, problem.Values(2));
    }

    [Fact]
    public void TorchSharps_schedulers_drive_rate_and_momentum()
    {
        using var p = Leaf(1);
        using var sgd = new FusedSgd([("p", p)], 0.8, momentum: 0.9);
        var halve = optim.lr_scheduler.StepLR(sgd, 1, 0.5);
        halve.step();
        Assert.Equal(0.4, sgd.ParamGroups.Single().LearningRate, 12);
        optim.lr_scheduler.OneCycleLR(sgd, 1.0, total_steps: 10);
        Assert.Equal(0.95, ((SgdGroup)sgd.ParamGroups.Single()).Momentum, 12);
        using var adam = new FusedAdam([("p", p)], decoupled: true);
        optim.lr_scheduler.OneCycleLR(adam, 1.0, total_steps: 10);
        Assert.Equal((0.95, 0.999), ((AdamGroup)adam.ParamGroups.Single()).Betas);
    }

    [Fact]
    public void A_group_added_later_starts_its_own_history()
    {
        using var p = Leaf(1);
        using var q = Leaf(1);
        using var sgd = new FusedSgd([("p", p)], 0.1, momentum: 0.5);
        SetGradient(p, 1);
        sgd.step();
        sgd.add_param_group(new SgdGroup([("q", q)], learningRate: 0.2));
        SetGradient(q, 1);
        sgd.step();
        Assert.Equal(1 - 0.1 - 0.15, Values(p)[0], 14);
        Assert.Equal(1 - 0.2, Values(q)[0], 14);
        Assert.Equal(2, sgd.parameters().Count());
    }

    [Fact]
    public void The_closure_runs_with_gradients_and_its_loss_comes_back()
    {
        using var p = Leaf(3);
        using var sgd = new FusedSgd([("p", p)], 0.25);
        using (no_grad())
        {
            using var loss = sgd.step(() =>
            {
                var value = p.mul(p).sum();
                value.backward();
                return value;
            });
            Assert.Equal(9, loss!.item<double>());
        }
        Assert.Equal(1.5, Values(p)[0]);
    }

    [Fact]
    public void A_step_between_forward_and_backward_is_noticed_by_autograd()
    {
        using var scope = NewDisposeScope();
        using var p = Leaf(3);
        using var sgd = new FusedSgd([("p", p)], 0.25);
        var loss = p.mul(p).sum();
        SetGradient(p, 1);
        sgd.step();
        var failure = Assert.ThrowsAny<Exception>(() => loss.backward());
        Assert.Contains("modified by an inplace operation", failure.Message);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Dtypes_may_be_mixed_in_a_group(string kind)
    {
        using var mixed = new Quadratics(ScalarType.Float64);
        using var single = new Quadratics(ScalarType.Float32);
        (mixed.Parameters[1], single.Parameters[1]) = (single.Parameters[1], mixed.Parameters[1]);
        using var all = new Quadratics(ScalarType.Float64);
        using var first = OptimizerZoo.Make(kind, mixed);
        using var second = OptimizerZoo.Make(kind, all);
        mixed.Train(first, 0, 6);
        all.Train(second, 0, 6);
        Assert.Equal(all.Values(0), mixed.Values(0));
        Assert.All(all.Values(1).Zip(mixed.Values(1)), v => Assert.Equal(v.First, v.Second, 1e-6));
        Assert.NotEqual(all.Values(1), mixed.Values(1));
    }

    // One step of values below 2 in bf16: the update is computed in float32 and rounded once, to 8 bits.
    [Theory, MemberData(nameof(Kinds))]
    public void A_bf16_parameter_takes_the_rounded_float32_step(string kind)
    {
        using var half = new Quadratics(ScalarType.BFloat16);
        using var full = new Quadratics(ScalarType.Float32);
        using (no_grad())
            for (var k = 0; k < 3; k++)
                full.Parameters[k].copy_(half.Parameters[k]);
        half.SetGradients(1);
        for (var k = 0; k < 3; k++)
            full.Parameters[k].grad = half.Parameters[k].grad!.to(ScalarType.Float32);
        using var first = OptimizerZoo.Make(kind, half);
        using var second = OptimizerZoo.Make(kind, full);
        first.step();
        second.step();
        for (var k = 0; k < 3; k++)
            Assert.All(half.Values(k).Zip(full.Values(k)), v => Assert.Equal(v.Second, v.First, 1.0 / 128));
    }

    // The kernels walk memory without a look at the strides.
    [Theory, MemberData(nameof(Kinds))]
    public void Layouts_of_parameter_and_gradient_may_differ(string kind)
    {
        using var scope = NewDisposeScope();
        Parameter Image(bool channelsLast)
        {
            var t = arange(2 * 3 * 4 * 5, ScalarType.Float64).div(100).reshape(2, 3, 4, 5);
            return new Parameter(channelsLast ? t.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : t);
        }
        Parameter[] plain = [Image(false), Image(false), Leaf(1, 2)];
        Parameter[] last = [Image(true), Image(false), Leaf(1, 2)];
        using var first = OptimizerZoo.Make(kind, plain);
        using var second = OptimizerZoo.Make(kind, last);
        for (var t = 0; t < 3; t++)
        {
            foreach (var set in new[] { plain, last })
                for (var k = 0; k < 2; k++)
                    set[k].grad = sin(arange(120, ScalarType.Float64).add(t + k)).reshape(2, 3, 4, 5);
            if (t == 1)
                last[1].grad = last[1].grad!.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
            if (t == 2) // the model changes its layout under way
                using (no_grad())
                    last[0].set_(last[0].contiguous());
            first.step();
            second.step();
        }
        Assert.Equal(Values(plain[0]), Values(last[0]));
        Assert.Equal(Values(plain[1]), Values(last[1]));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Empty_and_zero_dimensional_parameters_are_no_special_case(string kind)
    {
        using var empty = new Parameter(zeros(0, 3, dtype: ScalarType.Float64));
        using var scalar = new Parameter(tensor(2.0, dtype: ScalarType.Float64));
        using var other = Leaf(1);
        using var optimizer = OptimizerZoo.Make(kind, [empty, scalar, other]);
        empty.grad = zeros(0, 3, dtype: ScalarType.Float64);
        scalar.grad = tensor(1.0, dtype: ScalarType.Float64);
        optimizer.step();
        optimizer.step();
        Assert.True(Values(scalar)[0] < 2);
        Assert.Equal(1, Values(other)[0]);
    }
}
