using KdPlugins.Torch.Optim;
using TorchSharp.Modules;

namespace KdPlugins.Torch.Tests.Optim;

/// <summary>One optimiser of every kind over two groups of <see cref="Quadratics"/>.</summary>
internal static class OptimizerZoo
{
    internal static readonly string[] Kinds =
    [
        "sgd",
        "sgd nesterov",
        "sgd dampening",
        "adam",
        "adamw",
        "lars",
        "lion",
        "muon",
    ];

    internal static NamedOptimizer Make(string kind, Quadratics problem) => Make(kind, [.. problem.Parameters]);

    /// <summary>Parameters "a" and "b" in the first group, "c" in the second.</summary>
    internal static NamedOptimizer Make(string kind, Parameter[] parameters)
    {
        (string, Parameter)[] first = [("a", parameters[0]), ("b", parameters[1])];
        (string, Parameter)[] second = [("c", parameters[2])];
        SgdGroup[] sgd() => [new(first), new(second, learningRate: 0.02, weightDecay: 0)];
        AdamGroup[] adam() => [new(first, beta1: 0.8), new(second, learningRate: 0.03, weightDecay: 0)];
        return kind.Split(' ')[0] switch
        {
            "sgd" when kind == "sgd" => new FusedSgd(sgd(), 0.05, weightDecay: 0.01),
            "sgd" when kind.EndsWith("dampening") => new FusedSgd(sgd(), 0.05, 0.9, 0.01, dampening: 0.2),
            "sgd" => new FusedSgd(sgd(), 0.05, 0.9, 0.01, nesterov: true),
            "adam" => new FusedAdam(adam(), 0.02, weightDecay: 0.1),
            "adamw" => new FusedAdam(adam(), 0.02, weightDecay: 0.1, decoupled: true),
            "lion" => new Lion(adam(), 0.02, weightDecay: 0.1),
            "muon" => new Muon([new MuonGroup(first), new MuonGroup(second, 0.03, 0)], 0.02, weightDecay: 0.1),
            _ => new Lars([new LarsGroup(first), new LarsGroup(second, 0.5)], 2.0, weightDecay: 0.01),
        };
    }
}
