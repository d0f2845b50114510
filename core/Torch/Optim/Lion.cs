using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// Lion (Chen et al. 2023). With g = ∇: p ← p·(1 − lr·weightDecay) − lr·sign(β1·m + (1 − β1)·g), then
/// m ← β2·m + (1 − β2)·g. Every entry moves by the learning rate: it is a tenth to a third of AdamW's, and the weight decay as
/// many times AdamW's.
/// </summary>
public sealed class Lion : NamedOptimizer
{
    private static readonly OptimizerOption[] AllOptions =
    [
        OptimizerOption.LearningRate,
        OptimizerOption.InitialLearningRate,
        new("beta1", g => Of(g).Beta1!.Value, (g, v) => Of(g).Beta1 = v, Max: 1, MaxExcluded: true),
        new("beta2", g => Of(g).Beta2!.Value, (g, v) => Of(g).Beta2 = v, Max: 1, MaxExcluded: true),
        new("weight_decay", g => Of(g).WeightDecay!.Value, (g, v) => Of(g).WeightDecay = v),
    ];

    /// <summary>Makes the optimiser for one group of parameters.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="beta1">The running mean's part in an update, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean, from 0 to 1 exclusive.</param>
    /// <param name="weightDecay">Decoupled weight decay, 0 or more.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public Lion(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double learningRate = 1e-4,
        double beta1 = 0.9,
        double beta2 = 0.99,
        double weightDecay = 0
    )
        : this([new AdamGroup(parameters)], learningRate, beta1, beta2, weightDecay) { }

    /// <summary>Makes the optimiser for several groups; what a group leaves open is taken from the values here.</summary>
    /// <param name="groups">The groups; their epsilon means nothing here.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="beta1">The running mean's part in an update, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean, from 0 to 1 exclusive.</param>
    /// <param name="weightDecay">Decoupled weight decay, 0 or more.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public Lion(
        IEnumerable<AdamGroup> groups,
        double learningRate = 1e-4,
        double beta1 = 0.9,
        double beta2 = 0.99,
        double weightDecay = 0
    )
        : base(
            new AdamOptions
            {
                LearningRate = learningRate,
                InitialLearningRate = learningRate,
                Beta1 = beta1,
                Beta2 = beta2,
                Epsilon = 0,
                WeightDecay = weightDecay,
            }
        )
    {
        AddGroups(groups);
    }

    /// <inheritdoc />
    public override string Algorithm => "lion";

    private protected override IReadOnlyList<OptimizerOption> Options => AllOptions;

    private protected override IReadOnlyList<string> Slots { get; } = ["exp_avg"];

    private protected override void Complete(ParamGroup group) => Of(group).FillFrom((AdamOptions)_defaults);

    private protected override long HistoryOf(ParamGroup group, ParameterState state) => 0;

    private protected override void Update(ParamGroup group, UpdateBatch batch)
    {
        var options = Of(group);
        var (beta1, beta2) = (options.Beta1!.Value, options.Beta2!.Value);
        using Scalar rate = -options.LearningRate!.Value;
        using Scalar kept = 1 - options.LearningRate!.Value * options.WeightDecay!.Value;
        using Scalar part = beta1;
        using Scalar rest = 1 - beta1;
        using Scalar decay = beta2;
        using Scalar fresh = 1 - beta2;
        for (var i = 0; i < batch.States.Count; i++)
        {
            using var temporaries = NewDisposeScope();
            var (state, parameter, gradient) = (batch.States[i], batch.Parameters[i], batch.Gradients[i]);
            var mean = state.Ensure(0);
            var update = mean.mul(part).add_(gradient, rest).sign_();
            parameter.mul_(kept).add_(update, rate);
            mean.mul_(decay).add_(gradient, fresh);
            state.Step++;
        }
    }

    private static AdamOptions Of(ParamGroup group) => (AdamOptions)group.Options;
}
