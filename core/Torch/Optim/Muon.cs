using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// Muon (Jordan et al. 2024), at the scale of AdamW's updates (Liu et al. 2025), so that one learning rate serves all parameters.
/// Of parameters of two dimensions and more, taken as matrices [rows, all others] (a convolution: out x in·h·w), with
/// g = ∇: m ← μ·m + (1 − μ)·g, u = NewtonSchulz((1 − μ)·g + μ·m), p ← p·(1 − lr·weightDecay) − lr·0.2·√max(rows, columns)·u.
/// NewtonSchulz brings all singular values near 1. The others (biases, normalisation) are updated by AdamW.
/// </summary>
public sealed class Muon : NamedOptimizer
{
    // Five steps of X ← aX + (bA + cA²)X, A = XXᵀ: the coefficients of the paper, steep at 0.
    private const int Rounds = 5;
    private const double A = 3.4445;
    private const double B = -4.7750;
    private const double C = 2.0315;
    private const double LeastNorm = 1e-7;
    private const double Scale = 0.2;

    private static readonly OptimizerOption[] AllOptions =
    [
        OptimizerOption.LearningRate,
        OptimizerOption.InitialLearningRate,
        new("momentum", g => Of(g).Momentum!.Value, (g, v) => Of(g).Momentum = v, Max: 1, MaxExcluded: true),
        new("beta1", g => Of(g).Beta1!.Value, (g, v) => Of(g).Beta1 = v, Max: 1, MaxExcluded: true),
        new("beta2", g => Of(g).Beta2!.Value, (g, v) => Of(g).Beta2 = v, Max: 1, MaxExcluded: true),
        new("eps", g => Of(g).Epsilon!.Value, (g, v) => Of(g).Epsilon = v),
        new("weight_decay", g => Of(g).WeightDecay!.Value, (g, v) => Of(g).WeightDecay = v),
    ];

    /// <summary>Makes the optimiser for one group of parameters.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more; as AdamW's.</param>
    /// <param name="momentum">Momentum of matrices, from 0 to 1 exclusive.</param>
    /// <param name="beta1">Decay of the running mean of the other parameters' gradients, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean of their squares, from 0 to 1 exclusive.</param>
    /// <param name="epsilon">Added to the root in their denominator, 0 or more.</param>
    /// <param name="weightDecay">Decoupled weight decay, 0 or more.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public Muon(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double learningRate = 1e-3,
        double momentum = 0.95,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0
    )
        : this([new MuonGroup(parameters)], learningRate, momentum, beta1, beta2, epsilon, weightDecay) { }

    /// <summary>Makes the optimiser for several groups; what a group leaves open is taken from the values here.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="learningRate">Learning rate, 0 or more; as AdamW's.</param>
    /// <param name="momentum">Momentum of matrices, from 0 to 1 exclusive.</param>
    /// <param name="beta1">Decay of the running mean of the other parameters' gradients, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean of their squares, from 0 to 1 exclusive.</param>
    /// <param name="epsilon">Added to the root in their denominator, 0 or more.</param>
    /// <param name="weightDecay">Decoupled weight decay, 0 or more.</param>
    /// <exception cref="KdException">As <see cref="NamedOptimizer.add_param_group"/>.</exception>
    public Muon(
        IEnumerable<MuonGroup> groups,
        double learningRate = 1e-3,
        double momentum = 0.95,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0
    )
        : base(
            new MuonOptions
            {
                LearningRate = learningRate,
                InitialLearningRate = learningRate,
                Momentum = momentum,
                Beta1 = beta1,
                Beta2 = beta2,
                Epsilon = epsilon,
                WeightDecay = weightDecay,
            }
        )
    {
        AddGroups(groups);
    }

    /// <inheritdoc />
    public override string Algorithm => "muon";

    private protected override IReadOnlyList<OptimizerOption> Options => AllOptions;

    private protected override IReadOnlyList<string> Slots { get; } = ["momentum_buffer", "exp_avg_sq"];

    private protected override int SlotsOf(Parameter parameter) => IsMatrix(parameter) ? 1 : 2;

    private protected override void Complete(ParamGroup group) => Of(group).FillFrom((MuonOptions)_defaults);

    private protected override long HistoryOf(ParamGroup group, ParameterState state) => state.Step;

    private protected override void Update(ParamGroup group, UpdateBatch batch)
    {
        var options = Of(group);
        using Scalar kept = 1 - options.LearningRate!.Value * options.WeightDecay!.Value;
        for (var i = 0; i < batch.States.Count; i++)
        {
            using var temporaries = NewDisposeScope();
            var (state, parameter, gradient) = (batch.States[i], batch.Parameters[i], batch.Gradients[i]);
            parameter.mul_(kept);
            if (IsMatrix(parameter))
                Turn(options, state, parameter, gradient);
            else
                Adapt(options, state, parameter, gradient);
            state.Step++;
        }
    }

    private static bool IsMatrix(Tensor parameter) => parameter.dim() > 1;

    private static void Turn(MuonOptions options, ParameterState state, Tensor parameter, Tensor gradient)
    {
        using Scalar momentum = options.Momentum!.Value;
        using Scalar fresh = 1 - options.Momentum!.Value;
        var buffer = state.Ensure(0);
        buffer.mul_(momentum).add_(gradient, fresh);
        var matrix = gradient.mul(fresh).add_(buffer, momentum).flatten(1);
        var (rows, columns) = (matrix.shape[0], matrix.shape[1]);
        using Scalar rate = -options.LearningRate!.Value * Scale * Math.Sqrt(Math.Max(rows, columns));
        parameter.add_(Orthogonal(matrix).reshape(parameter.shape), rate);
    }

    // As wide as high or wider: the products are of the smaller side.
    private static Tensor Orthogonal(Tensor matrix)
    {
        var isTall = matrix.shape[0] > matrix.shape[1];
        var x = isTall ? matrix.t() : matrix;
        x = x / x.norm().clamp_min(LeastNorm);
        for (var round = 0; round < Rounds; round++)
        {
            var gram = x.mm(x.t());
            x = A * x + (B * gram + C * gram.mm(gram)).mm(x);
        }
        return isTall ? x.t() : x;
    }

    private static void Adapt(MuonOptions options, ParameterState state, Tensor parameter, Tensor gradient)
    {
        var (beta1, beta2, updates) = (options.Beta1!.Value, options.Beta2!.Value, state.Step + 1);
        using Scalar first = beta1;
        using Scalar firstFresh = 1 - beta1;
        using Scalar second = beta2;
        using Scalar secondFresh = 1 - beta2;
        using Scalar rate = -options.LearningRate!.Value / (1 - Math.Pow(beta1, updates));
        var mean = state.Ensure(0);
        var square = state.Ensure(1);
        mean.mul_(first).add_(gradient, firstFresh);
        square.mul_(second).add_(gradient * gradient, secondFresh);
        var root = (square / (1 - Math.Pow(beta2, updates))).sqrt_().add_(options.Epsilon!.Value);
        parameter.add_(mean / root, rate);
    }

    private static MuonOptions Of(ParamGroup group) => (MuonOptions)group.Options;
}
