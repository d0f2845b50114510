using KdPlugins.Torch.Stable;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// Stochastic gradient descent with momentum and weight decay, as PyTorch's <c>SGD</c>, in one native call per group.
/// With g = ∇ + weightDecay·p: m ← momentum·m + (1 − dampening)·g (m ← g at first), p ← p − lr·m, or with Nesterov's
/// momentum p ← p − lr·(g + momentum·m).
/// </summary>
public sealed class FusedSgd : NamedOptimizer, optim.IMomentum
{
    private static readonly StableOperator Operator = new("aten::_fused_sgd_");

    private static readonly OptimizerOption[] AllOptions =
    [
        OptimizerOption.LearningRate,
        OptimizerOption.InitialLearningRate,
        new("momentum", g => Of(g).momentum!.Value, (g, v) => Of(g).momentum = v, Max: 1, MaxExcluded: true),
        new("weight_decay", g => Of(g).weight_decay!.Value, (g, v) => Of(g).weight_decay = v),
        new("dampening", g => Of(g).dampening!.Value, (g, v) => Of(g).dampening = v, Max: 1),
        OptimizerOption.Switch("nesterov", g => Of(g).nesterov!.Value, (g, v) => Of(g).nesterov = v),
        OptimizerOption.Off("maximize"),
    ];

    private readonly List<Tensor> _momenta = [];

    /// <summary>Makes the optimiser for one group of parameters.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="momentum">Momentum, from 0 to 1 exclusive.</param>
    /// <param name="weightDecay">L2 penalty, 0 or more.</param>
    /// <param name="dampening">Dampening of the momentum, from 0 to 1.</param>
    /// <param name="nesterov">Whether the momentum is Nesterov's; needs momentum, and no dampening.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public FusedSgd(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double learningRate,
        double momentum = 0,
        double weightDecay = 0,
        double dampening = 0,
        bool nesterov = false
    )
        : this([new SgdGroup(parameters)], learningRate, momentum, weightDecay, dampening, nesterov) { }

    /// <summary>Makes the optimiser for several groups; what a group leaves open is taken from the values here.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="momentum">Momentum, from 0 to 1 exclusive.</param>
    /// <param name="weightDecay">L2 penalty, 0 or more.</param>
    /// <param name="dampening">Dampening of the momentum, from 0 to 1.</param>
    /// <param name="nesterov">Whether the momentum is Nesterov's; needs momentum, and no dampening.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public FusedSgd(
        IEnumerable<SgdGroup> groups,
        double learningRate,
        double momentum = 0,
        double weightDecay = 0,
        double dampening = 0,
        bool nesterov = false
    )
        : base(
            new SGD.Options
            {
                LearningRate = learningRate,
                InitialLearningRate = learningRate,
                momentum = momentum,
                weight_decay = weightDecay,
                dampening = dampening,
                nesterov = nesterov,
                maximize = false,
            }
        )
    {
        AddGroups(groups);
    }

    /// <inheritdoc />
    public override string Algorithm => "sgd";

    /// <summary>The momentum that groups added from now on get where they name none.</summary>
    public double Momentum
    {
        get => ((SGD.Options)_defaults).momentum!.Value;
        set => ((SGD.Options)_defaults).momentum = value;
    }

    private protected override IReadOnlyList<OptimizerOption> Options => AllOptions;

    private protected override IReadOnlyList<string> Slots { get; } = ["momentum_buffer"];

    private protected override void Complete(ParamGroup group)
    {
        var own = Of(group);
        var all = (SGD.Options)_defaults;
        own.LearningRate ??= all.LearningRate;
        own.momentum ??= all.momentum;
        own.weight_decay ??= all.weight_decay;
        own.dampening ??= all.dampening;
        own.nesterov ??= all.nesterov;
        own.maximize ??= all.maximize;
    }

    private protected override string? Contradiction(ParamGroup group) =>
        Of(group) is { nesterov: true } o && (o.momentum == 0 || o.dampening != 0)
            ? "nesterov needs a momentum above 0 and no dampening"
            : null;

    // The first update of a momentum takes the gradient as it is: fresh parameters need a call of their own.
    private protected override long HistoryOf(ParamGroup group, ParameterState state) => state.Step > 0 ? 1 : 0;

    private protected override void Update(ParamGroup group, UpdateBatch batch)
    {
        var options = Of(group);
        var momentum = options.momentum!.Value;
        _momenta.Clear();
        if (momentum != 0)
            batch.Collect(0, _momenta);

        var call = new StableCall(Operator, stackalloc ulong[12]);
        call.Push(batch.Parameters);
        call.Push(batch.Gradients);
        call.Push(_momenta);
        call.Push(options.weight_decay!.Value);
        call.Push(momentum);
        call.Push(options.LearningRate!.Value);
        call.Push(options.dampening!.Value);
        call.Push(options.nesterov!.Value);
        call.Push(false); // maximize
        call.Push(batch.History == 0);
        call.PushNone(); // grad_scale
        call.PushNone(); // found_inf
        call.Invoke();

        if (momentum != 0)
            foreach (var state in batch.States)
                state.Step++;
    }

    private static SGD.Options Of(ParamGroup group) => (SGD.Options)group.Options;
}
