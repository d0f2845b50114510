using KdPlugins.Torch.Stable;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// What Adam and AdamW share. With g = ∇ and t the number of updates of the parameter: m ← β1·m + (1 − β1)·g,
/// v ← β2·v + (1 − β2)·g², p ← p − lr·(m / (1 − β1ᵗ)) / (√(v / (1 − β2ᵗ)) + ε); AMSGrad takes the largest v so far.
/// </summary>
public abstract class FusedAdamFamily : NamedOptimizer, optim.IBetas
{
    private static readonly OptimizerOption[] AllOptions =
    [
        OptimizerOption.LearningRate,
        OptimizerOption.InitialLearningRate,
        new("beta1", g => Of(g).Beta1!.Value, (g, v) => Of(g).Beta1 = v, Max: 1, MaxExcluded: true),
        new("beta2", g => Of(g).Beta2!.Value, (g, v) => Of(g).Beta2 = v, Max: 1, MaxExcluded: true),
        new("eps", g => Of(g).Epsilon!.Value, (g, v) => Of(g).Epsilon = v),
        new("weight_decay", g => Of(g).WeightDecay!.Value, (g, v) => Of(g).WeightDecay = v),
        OptimizerOption.Switch("amsgrad", g => Of(g).AmsGrad!.Value, (g, v) => Of(g).AmsGrad = v),
        OptimizerOption.Switch("maximize", g => Of(g).Maximize!.Value, (g, v) => Of(g).Maximize = v),
    ];

    private readonly StableOperator _operator;
    private readonly List<Tensor> _means = [];
    private readonly List<Tensor> _squares = [];
    private readonly List<Tensor> _largest = [];
    private readonly List<Tensor> _steps = [];
    private readonly Dictionary<(DeviceType, int), Tensor> _stepTensors = [];

    private protected FusedAdamFamily(StableOperator op, AdamOptions defaults, IEnumerable<AdamGroup> groups)
        : base(defaults)
    {
        _operator = op;
        AddGroups(groups);
    }

    /// <summary>The decays that groups added from now on get where they name none.</summary>
    public (double, double) Betas
    {
        get => (((AdamOptions)_defaults).Beta1!.Value, ((AdamOptions)_defaults).Beta2!.Value);
        set => (((AdamOptions)_defaults).Beta1, ((AdamOptions)_defaults).Beta2) = value;
    }

    private protected override IReadOnlyList<OptimizerOption> Options => AllOptions;

    private protected override IReadOnlyList<string> Slots { get; } = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];

    private protected override bool Uses(IReadOnlyDictionary<string, double> options, int slot) =>
        slot < 2 || options["amsgrad"] != 0;

    private protected override void Complete(ParamGroup group) => Of(group).FillFrom((AdamOptions)_defaults);

    private protected override long HistoryOf(ParamGroup group, ParameterState state) => state.Step;

    private protected override void Update(ParamGroup group, UpdateBatch batch)
    {
        var options = Of(group);
        batch.Collect(0, _means);
        batch.Collect(1, _squares);
        _largest.Clear();
        if (options.AmsGrad!.Value)
            batch.Collect(2, _largest);
        CollectSteps(batch);

        var call = new StableCall(_operator, stackalloc ulong[15]);
        call.Push(batch.Parameters);
        call.Push(batch.Gradients);
        call.Push(_means);
        call.Push(_squares);
        call.Push(_largest);
        call.Push(_steps);
        call.Push(options.LearningRate!.Value);
        call.Push(options.Beta1!.Value);
        call.Push(options.Beta2!.Value);
        call.Push(options.WeightDecay!.Value);
        call.Push(options.Epsilon!.Value);
        call.Push(options.AmsGrad!.Value);
        call.Push(options.Maximize!.Value);
        call.PushNone(); // grad_scale
        call.PushNone(); // found_inf
        call.Invoke();

        foreach (var state in batch.States)
            state.Step++;
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            foreach (var tensor in _stepTensors.Values)
                tensor.Dispose();
        base.Dispose(disposing);
    }

    // The kernel reads a step count per parameter, as a tensor on its device; all of a batch can share one.
    private void CollectSteps(UpdateBatch batch)
    {
        var first = batch.Parameters[0];
        var key = (first.device_type, first.device_index);
        if (!_stepTensors.TryGetValue(key, out var step))
            _stepTensors[key] = step = zeros([], ScalarType.Float32, first.device).DetachFromDisposeScope();
        using (Scalar count = batch.History + 1)
            step.fill_(count);
        _steps.Clear();
        for (var i = 0; i < batch.States.Count; i++)
            _steps.Add(step);
    }

    private static AdamOptions Of(ParamGroup group) => (AdamOptions)group.Options;
}
