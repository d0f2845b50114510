using KdPlugins.Torch.Optim;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

public sealed class OptimizerAbuseTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Parameter _p = new(ones(2));
    private readonly Parameter _q = new(ones(2));

    public void Dispose()
    {
        _p.Dispose();
        _q.Dispose();
        _scope.Dispose();
    }

    private (string, Parameter)[] One => [("p", _p)];

    private static void Refused(ErrorCode code, string message, Action make)
    {
        var failure = Assert.Throws<KdException>(make);
        Assert.Equal(code.Id, failure.Code.Id);
        Assert.Contains(message, failure.Message);
    }

    public static TheoryData<string, double, string> Settings() =>
        new()
        {
            { "sgd.lr", -0.1, "FusedSgd, group 0: lr is -0.1, but must be at least 0" },
            { "sgd.lr", double.NaN, "lr is NaN" },
            { "sgd.lr", double.PositiveInfinity, "lr is Infinity" },
            { "sgd.momentum", 1, "momentum is 1, but must be from 0 to 1, exclusive" },
            { "sgd.momentum", -0.1, "momentum is -0.1" },
            { "sgd.decay", -1, "weight_decay is -1, but must be at least 0" },
            { "sgd.dampening", 1.5, "dampening is 1.5, but must be from 0 to 1" },
            { "sgd.nesterov", 0, "nesterov needs a momentum above 0 and no dampening" },
            { "adam.beta1", 1, "FusedAdam, group 0: beta1 is 1, but must be from 0 to 1, exclusive" },
            { "adam.beta2", -0.5, "beta2 is -0.5" },
            { "adamw.eps", -1e-8, "FusedAdam, group 0: eps is -1E-08, but must be at least 0" },
            { "lars.trust", -1, "Lars, group 0: trust_coefficient is -1" },
            { "lars.momentum", 1.1, "momentum is 1.1" },
        };

    [Theory, MemberData(nameof(Settings))]
    public void A_hyper_parameter_out_of_range_is_refused_with_its_range(string what, double value, string message) =>
        Refused(
            OptimErrors.Setting,
            message,
            () =>
                _ = what switch
                {
                    "sgd.lr" => new FusedSgd(One, value),
                    "sgd.momentum" => new FusedSgd(One, 0.1, momentum: value),
                    "sgd.decay" => new FusedSgd(One, 0.1, weightDecay: value),
                    "sgd.dampening" => new FusedSgd(One, 0.1, momentum: 0.9, dampening: value),
                    "sgd.nesterov" => new FusedSgd(One, 0.1, momentum: value, nesterov: true),
                    "adam.beta1" => new FusedAdam(One, beta1: value),
                    "adam.beta2" => new FusedAdam(One, beta2: value),
                    "adamw.eps" => new FusedAdam(One, epsilon: value, decoupled: true),
                    "lars.trust" => new Lars(One, 0.1, trustCoefficient: value),
                    _ => (NamedOptimizer)new Lars(One, 0.1, momentum: value),
                }
        );

    [Fact]
    public void Every_broken_setting_of_a_group_is_named_at_once() =>
        Refused(
            OptimErrors.Setting,
            "group 1: lr is -1, but must be at least 0; momentum is 2, but must be from 0 to 1, exclusive",
            () => new FusedSgd([new SgdGroup(One), new SgdGroup([("q", _q)], learningRate: -1, momentum: 2)], 0.1)
        );

    [Fact]
    public void Nothing_to_optimise_is_refused()
    {
        Refused(
            OptimErrors.Parameter,
            "group 0 has no parameters",
            () => new FusedSgd(Array.Empty<(string, Parameter)>(), 0.1)
        );
        Refused(OptimErrors.Parameter, "there is no parameter group", () => new FusedAdam(Array.Empty<AdamGroup>()));
    }

    [Fact]
    public void A_parameter_given_twice_is_named_twice() =>
        Refused(
            OptimErrors.Parameter,
            "Parameter 'q' is the same tensor as parameter 'p'",
            () => new FusedAdam([new AdamGroup(One), new AdamGroup([("q", _p)])], decoupled: true)
        );

    [Fact]
    public void A_name_given_twice_is_refused_and_the_group_not_added()
    {
        using var sgd = new FusedSgd(One, 0.1);
        Refused(
            OptimErrors.Parameter,
            "Two parameters are named 'p'",
            () => sgd.add_param_group(new SgdGroup([("p", _q)]))
        );
        Assert.Single(sgd.ParamGroups);
        sgd.add_param_group(new SgdGroup([("q", _q)]));
        Assert.Equal(2, sgd.ParamGroups.Count());
    }

    [Fact]
    public void A_group_without_names_or_of_another_optimiser_is_refused()
    {
        using var sgd = new FusedSgd(One, 0.1);
        Refused(
            OptimErrors.Parameter,
            "has no parameter names",
            () => sgd.add_param_group(new SGD.ParamGroup([_q], 0.1))
        );
        Refused(
            OptimErrors.Parameter,
            "The group added to FusedSgd is a AdamGroup",
            () => sgd.add_param_group(new AdamGroup([("q", _q)]))
        );
    }

    [Fact]
    public void A_freed_parameter_is_named()
    {
        var gone = new Parameter(ones(2));
        using var sgd = new FusedSgd([("p", _p), ("head.weight", gone)], 0.1);
        _p.grad = ones(2);
        gone.Dispose();
        Refused(OptimErrors.Parameter, "Parameter 'head.weight' was disposed", () => sgd.step());
        Refused(OptimErrors.Parameter, "Parameter 'head.weight' was disposed", sgd.zero_grad);
        Refused(OptimErrors.Parameter, "Parameter 'x' was disposed", () => new FusedAdam([("x", gone)]));
        using var state = sgd.ExportState();
        Assert.Contains("head.weight.step", state.Tensors.Keys);
    }

    [Fact]
    public void A_parameter_with_gaps_in_memory_is_refused_by_name()
    {
        var gaps = new Parameter(ones(4, 4).slice(1, 0, 2, 1));
        using var sgd = new FusedSgd([("view", gaps)], 0.1, momentum: 0.9);
        gaps.grad = ones(4, 2);
        Refused(
            OptimErrors.Parameter,
            "Parameter 'view' (Float32[4, 2], strides [4, 1]) is a view with gaps or overlaps",
            () => sgd.step()
        );
    }

    [Fact]
    public void Disposing_twice_is_harmless()
    {
        var sgd = new FusedSgd(One, 0.1, momentum: 0.9);
        _p.grad = ones(2);
        sgd.step();
        sgd.Dispose();
        sgd.Dispose();
    }

    [Fact]
    public void Every_entry_of_the_catalogue_has_its_own_code() =>
        Assert.Equal(
            OptimErrors.All.Count,
            OptimErrors.All.Select(e => e.Id).Except(TorchErrors.All.Select(e => e.Id)).Distinct().Count()
        );
}
