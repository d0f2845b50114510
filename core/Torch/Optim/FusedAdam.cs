using KdPlugins.Torch.Stable;
using TorchSharp.Modules;

namespace KdPlugins.Torch.Optim;

/// <summary>Adam (Kingma and Ba 2015) as PyTorch's <c>Adam</c>, in one native call per group; weight decay is added to the gradient.</summary>
/// <inheritdoc cref="FusedAdamFamily" path="/summary" />
public sealed class FusedAdam : FusedAdamFamily
{
    private static readonly StableOperator Operator = new("aten::_fused_adam_");

    /// <summary>Makes the optimiser for one group of parameters.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="beta1">Decay of the running mean of gradients, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean of squared gradients, from 0 to 1 exclusive.</param>
    /// <param name="epsilon">Added to the root in the denominator, 0 or more.</param>
    /// <param name="weightDecay">L2 penalty, 0 or more.</param>
    /// <param name="amsGrad">Whether the largest running mean of squares so far is used.</param>
    /// <param name="maximize">Whether the objective is maximised.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public FusedAdam(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0,
        bool amsGrad = false,
        bool maximize = false
    )
        : this([new AdamGroup(parameters)], learningRate, beta1, beta2, epsilon, weightDecay, amsGrad, maximize) { }

    /// <summary>Makes the optimiser for several groups; what a group leaves open is taken from the values here.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="beta1">Decay of the running mean of gradients, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean of squared gradients, from 0 to 1 exclusive.</param>
    /// <param name="epsilon">Added to the root in the denominator, 0 or more.</param>
    /// <param name="weightDecay">L2 penalty, 0 or more.</param>
    /// <param name="amsGrad">Whether the largest running mean of squares so far is used.</param>
    /// <param name="maximize">Whether the objective is maximised.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public FusedAdam(
        IEnumerable<AdamGroup> groups,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0,
        bool amsGrad = false,
        bool maximize = false
    )
        : base(
            Operator,
            new AdamOptions
            {
                LearningRate = learningRate,
                InitialLearningRate = learningRate,
                Beta1 = beta1,
                Beta2 = beta2,
                Epsilon = epsilon,
                WeightDecay = weightDecay,
                AmsGrad = amsGrad,
                Maximize = maximize,
            },
            groups
        ) { }

    /// <inheritdoc />
    public override string Algorithm => "adam";
}
