using KdPlugins.Torch.Stable;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// Adam (Kingma and Ba 2015) as PyTorch's <c>Adam</c>, or AdamW (Loshchilov and Hutter 2019) as its <c>AdamW</c>, in one
/// native call per group. With g = ∇ and t the number of updates of the parameter: m ← β1·m + (1 − β1)·g,
/// v ← β2·v + (1 − β2)·g², p ← p − lr·(m / (1 − β1ᵗ)) / (√(v / (1 − β2ᵗ)) + ε). Adam adds weightDecay·p to g; AdamW shrinks p by
/// lr·weightDecay apart from it.
/// </summary>
public sealed class FusedAdam : NamedOptimizer, optim.IBetas
{
    private static readonly StableOperator Coupled = new("aten::_fused_adam_");
    private static readonly StableOperator Decoupled = new("aten::_fused_adamw_");

    private static readonly OptimizerOption[] AllOptions =
    [
        OptimizerOption.LearningRate,
        OptimizerOption.InitialLearningRate,
        new("beta1", g => Of(g).Beta1!.Value, (g, v) => Of(g).Beta1 = v, Max: 1, MaxExcluded: true),
        new("beta2", g => Of(g).Beta2!.Value, (g, v) => Of(g).Beta2 = v, Max: 1, MaxExcluded: true),
        new("eps", g => Of(g).Epsilon!.Value, (g, v) => Of(g).Epsilon = v),
        new("weight_decay", g => Of(g).WeightDecay!.Value, (g, v) => Of(g).WeightDecay = v),
        OptimizerOption.Off("amsgrad"),
        OptimizerOption.Off("maximize"),
    ];

    private readonly bool _decoupled;
    private readonly List<Tensor> _means = [];
    private readonly List<Tensor> _squares = [];
    private readonly List<Tensor> _steps = [];
    private readonly Dictionary<(DeviceType, int), Tensor> _stepTensors = [];

    /// <summary>Makes the optimiser for one group of parameters.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="beta1">Decay of the running mean of gradients, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean of squared gradients, from 0 to 1 exclusive.</param>
    /// <param name="epsilon">Added to the root in the denominator, 0 or more.</param>
    /// <param name="weightDecay">Weight decay, 0 or more.</param>
    /// <param name="decoupled">Whether it is AdamW.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public FusedAdam(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0,
        bool decoupled = false
    )
        : this([new AdamGroup(parameters)], learningRate, beta1, beta2, epsilon, weightDecay, decoupled) { }

    /// <summary>Makes the optimiser for several groups; what a group leaves open is taken from the values here.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="beta1">Decay of the running mean of gradients, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean of squared gradients, from 0 to 1 exclusive.</param>
    /// <param name="epsilon">Added to the root in the denominator, 0 or more.</param>
    /// <param name="weightDecay">Weight decay, 0 or more.</param>
    /// <param name="decoupled">Whether it is AdamW.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public FusedAdam(
        IEnumerable<AdamGroup> groups,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0,
        bool decoupled = false
    )
        : base(
            new AdamOptions
            {
                LearningRate = learningRate,
                InitialLearningRate = learningRate,
                Beta1 = beta1,
                Beta2 = beta2,
                Epsilon = epsilon,
                WeightDecay = weightDecay,
            }
        )
    {
        _decoupled = decoupled;
        AddGroups(groups);
    }

    /// <inheritdoc />
    public override string Algorithm => _decoupled ? "adamw" : "adam";

    /// <summary>The decays that groups added from now on get where they name none.</summary>
    public (double, double) Betas
    {
        get => (((AdamOptions)_defaults).Beta1!.Value, ((AdamOptions)_defaults).Beta2!.Value);
        set => (((AdamOptions)_defaults).Beta1, ((AdamOptions)_defaults).Beta2) = value;
    }

    private protected override IReadOnlyList<OptimizerOption> Options => AllOptions;

    private protected override IReadOnlyList<string> Slots { get; } = ["exp_avg", "exp_avg_sq"];

    private protected override void Complete(ParamGroup group) => Of(group).FillFrom((AdamOptions)_defaults);

    private protected override long HistoryOf(ParamGroup group, ParameterState state) => state.Step;

    private protected override void Update(ParamGroup group, UpdateBatch batch)
    {
        var options = Of(group);
        batch.Collect(0, _means);
        batch.Collect(1, _squares);
        CollectSteps(batch);

        var call = new StableCall(_decoupled ? Decoupled : Coupled, stackalloc ulong[15]);
        call.Push(batch.Parameters);
        call.Push(batch.Gradients);
        call.Push(_means);
        call.Push(_squares);
        call.Push(Array.Empty<Tensor>()); // max_exp_avg_sqs, of AMSGrad
        call.Push(_steps);
        call.Push(options.LearningRate!.Value);
        call.Push(options.Beta1!.Value);
        call.Push(options.Beta2!.Value);
        call.Push(options.WeightDecay!.Value);
        call.Push(options.Epsilon!.Value);
        call.Push(false); // amsgrad
        call.Push(false); // maximize
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
