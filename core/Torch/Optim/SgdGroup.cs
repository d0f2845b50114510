using TorchSharp.Modules;

namespace KdPlugins.Torch.Optim;

/// <summary>Named parameters with hyper-parameters of their own, for <see cref="FusedSgd"/>.</summary>
public sealed class SgdGroup : SGD.ParamGroup, INamedGroup
{
    /// <summary>Makes the group; what is left out is the optimiser's.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="momentum">Momentum, from 0 to 1 exclusive.</param>
    /// <param name="weightDecay">L2 penalty, 0 or more.</param>
    /// <param name="dampening">Dampening of the momentum, from 0 to 1.</param>
    /// <param name="nesterov">Whether the momentum is Nesterov's.</param>
    public SgdGroup(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double? learningRate = null,
        double? momentum = null,
        double? weightDecay = null,
        double? dampening = null,
        bool? nesterov = null
    )
    {
        var all = parameters.ToArray();
        Names = [.. all.Select(p => p.name)];
        Parameters = [.. all.Select(p => p.parameter)];
        Options = new SGD.Options
        {
            LearningRate = learningRate,
            momentum = momentum,
            weight_decay = weightDecay,
            dampening = dampening,
            nesterov = nesterov,
        };
    }

    /// <inheritdoc />
    public IReadOnlyList<string> Names { get; }
}
