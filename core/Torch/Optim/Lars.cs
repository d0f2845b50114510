using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// Layer-wise adaptive rate scaling (You et al. 2017) as BYOL and Barlow Twins use it. With g = ∇ + weightDecay·p:
/// m ← momentum·m + q·g, p ← p − lr·m, where q = trustCoefficient·‖p‖/‖g‖, or 1 where either norm is 0. Parameters of
/// at most one dimension (biases, normalisation) have neither weight decay nor q.
/// </summary>
public sealed class Lars : NamedOptimizer, optim.IMomentum
{
    private static readonly OptimizerOption[] AllOptions =
    [
        OptimizerOption.LearningRate,
        OptimizerOption.InitialLearningRate,
        new("momentum", g => Of(g).Momentum!.Value, (g, v) => Of(g).Momentum = v, Max: 1, MaxExcluded: true),
        new("weight_decay", g => Of(g).WeightDecay!.Value, (g, v) => Of(g).WeightDecay = v),
        new("trust_coefficient", g => Of(g).TrustCoefficient!.Value, (g, v) => Of(g).TrustCoefficient = v),
        OptimizerOption.Switch(
            "exclude_bias_and_norm",
            g => Of(g).ExcludeBiasAndNorm!.Value,
            (g, v) => Of(g).ExcludeBiasAndNorm = v
        ),
    ];

    /// <summary>Makes the optimiser for one group of parameters.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="momentum">Momentum, from 0 to 1 exclusive.</param>
    /// <param name="weightDecay">L2 penalty, 0 or more.</param>
    /// <param name="trustCoefficient">The length of an update relative to that of the weights, 0 or more.</param>
    /// <param name="excludeBiasAndNorm">Whether parameters of at most one dimension are spared decay and adaptation.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public Lars(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double learningRate,
        double momentum = 0.9,
        double weightDecay = 0,
        double trustCoefficient = 0.001,
        bool excludeBiasAndNorm = true
    )
        : this([new LarsGroup(parameters)], learningRate, momentum, weightDecay, trustCoefficient, excludeBiasAndNorm)
    { }

    /// <summary>Makes the optimiser for several groups; what a group leaves open is taken from the values here.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="momentum">Momentum, from 0 to 1 exclusive.</param>
    /// <param name="weightDecay">L2 penalty, 0 or more.</param>
    /// <param name="trustCoefficient">The length of an update relative to that of the weights, 0 or more.</param>
    /// <param name="excludeBiasAndNorm">Whether parameters of at most one dimension are spared decay and adaptation.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public Lars(
        IEnumerable<LarsGroup> groups,
        double learningRate,
        double momentum = 0.9,
        double weightDecay = 0,
        double trustCoefficient = 0.001,
        bool excludeBiasAndNorm = true
    )
        : base(
            new LarsOptions
            {
                LearningRate = learningRate,
                InitialLearningRate = learningRate,
                Momentum = momentum,
                WeightDecay = weightDecay,
                TrustCoefficient = trustCoefficient,
                ExcludeBiasAndNorm = excludeBiasAndNorm,
            }
        )
    {
        AddGroups(groups);
    }

    /// <inheritdoc />
    public override string Algorithm => "lars";

    /// <summary>The momentum that groups added from now on get where they name none.</summary>
    public double Momentum
    {
        get => ((LarsOptions)_defaults).Momentum!.Value;
        set => ((LarsOptions)_defaults).Momentum = value;
    }

    private protected override IReadOnlyList<OptimizerOption> Options => AllOptions;

    private protected override IReadOnlyList<string> Slots { get; } = ["momentum_buffer"];

    private protected override void Complete(ParamGroup group) => Of(group).FillFrom((LarsOptions)_defaults);

    private protected override long HistoryOf(ParamGroup group, ParameterState state) => 0;

    private protected override void Update(ParamGroup group, UpdateBatch batch)
    {
        var options = Of(group);
        using Scalar momentum = options.Momentum!.Value;
        using Scalar rate = -options.LearningRate!.Value;
        using Scalar decay = options.WeightDecay!.Value;
        using Scalar trust = options.TrustCoefficient!.Value;
        for (var i = 0; i < batch.States.Count; i++)
        {
            using var temporaries = NewDisposeScope();
            var (state, parameter, update) = (batch.States[i], batch.Parameters[i], batch.Gradients[i]);
            if (parameter.dim() > 1 || !options.ExcludeBiasAndNorm!.Value)
            {
                update = update.add(parameter, alpha: decay);
                update = update * Ratio(parameter, update, trust);
            }
            var buffer = state.Ensure(0);
            buffer.mul_(momentum).add_(update);
            parameter.add_(buffer, alpha: rate);
            state.Step++;
        }
    }

    // Stays on the device: asking for the norms here would make the host wait for every layer.
    private static Tensor Ratio(Tensor parameter, Tensor update, Scalar trust)
    {
        var weights = parameter.norm();
        var length = update.norm();
        var ratio = weights.div(length).mul_(trust);
        return where(weights.gt(0).logical_and(length.gt(0)), ratio, ones_like(ratio));
    }

    private static LarsOptions Of(ParamGroup group) => (LarsOptions)group.Options;
}
