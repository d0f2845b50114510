using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Kit;

// Modules whose tensors have two names, in every place that a plugin can put one.

/// <summary>A layer in a field beside the container that holds it.</summary>
public sealed class TwiceNamedNet : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly Sequential layers;
    private readonly Linear _first;

    public TwiceNamedNet()
        : base(nameof(TwiceNamedNet))
    {
        _first = nn.Linear(4, 4);
        layers = nn.Sequential(("0", _first));
        RegisterComponents();
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; } = new([4], 4, 0, []);

    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
        Stubs.Output(forward(input));

    public override Tensor forward(Tensor input) => layers.call(_first.call(input));
}

/// <summary>One weight for two layers.</summary>
public sealed class TiedNet : nn.Module<Tensor, Tensor>
{
    private readonly Linear a;
    private readonly Linear b;

    public TiedNet()
        : base(nameof(TiedNet))
    {
        a = nn.Linear(4, 4);
        b = nn.Linear(4, 4);
        b.weight = a.weight;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => b.call(a.call(input));
}

[KdLoss("twice-named-loss")]
public sealed class TwiceNamedLoss : MutantLoss
{
    private readonly TwiceNamedNet _net = new();

    public override nn.Module Module => _net;

    public override Tensor Compute(ILossContext context) => Good(context);
}

[KdGenerator("twice-named-generator")]
public sealed class TwiceNamedGenerator : MutantGenerator
{
    private readonly TwiceNamedNet _net = new();

    public override nn.Module Module => _net;

    public override Batch Sample(long count, Tensor? labels, IPartContext context) => Make(count, context.Random);
}

[KdStrategy("twice-named-strategy")]
public sealed class TwiceNamedStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        context.State.Register("own", new TwiceNamedNet());
        return [Stage(context, (step, student) => step.Update([student], () => Objective(step)))];
    }
}

[KdStrategy("twice-named-role-strategy")]
public sealed class TwiceNamedRoleStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        context.AddRole("assistant", new TwiceNamedNet());
        return [Stage(context, (step, student) => step.Update([student], () => Objective(step)))];
    }
}

public sealed class ModuleNamesTests
{
    [Fact]
    public void Both_names_of_a_module_and_of_a_tensor_are_told()
    {
        var module = Assert.Throws<ConformanceException>(() => ModuleNames.Verify(new TwiceNamedNet()));
        Assert.Contains("the module 'layers.0' (Linear) is registered as '_first' too", module.Message);
        var tensor = Assert.Throws<ConformanceException>(() => ModuleNames.Verify(new TiedNet()));
        Assert.Contains("the tensor 'a.weight' is registered as 'b.weight' too", tensor.Message);
    }

    [Fact]
    public void Two_layers_of_one_form_are_two()
    {
        ModuleNames.Verify(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.BatchNorm1d(2)));
        Assert.Throws<ArgumentNullException>(() => ModuleNames.Verify(null!));
    }
}
