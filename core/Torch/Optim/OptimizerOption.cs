using System.Globalization;
using TorchSharp.Modules;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// One hyper-parameter of a group: how it is called in a saved state, where it is kept, and its range. Switches are 0 or 1.
/// </summary>
internal sealed record OptimizerOption(
    string Name,
    Func<ParamGroup, double> Get,
    Action<ParamGroup, double> Set,
    double Min = 0,
    double Max = double.MaxValue,
    bool MaxExcluded = false
)
{
    internal static readonly OptimizerOption LearningRate = new(
        "lr",
        g => g.LearningRate,
        (g, value) => g.LearningRate = value
    );

    internal static readonly OptimizerOption InitialLearningRate = new(
        "initial_lr",
        g => g.InitialLearningRate,
        (g, value) => g.InitialLearningRate = value
    );

    internal static OptimizerOption Switch(string name, Func<ParamGroup, bool> get, Action<ParamGroup, bool> set) =>
        new(name, g => get(g) ? 1 : 0, (g, value) => set(g, value != 0), Max: 1);

    /// <summary>A switch of PyTorch's that is off here, and stands in saved states as what it is.</summary>
    internal static OptimizerOption Off(string name) => new(name, _ => 0, (_, _) => { }, Max: 0);

    internal bool Allows(double value) => value >= Min && (MaxExcluded ? value < Max : value <= Max);

    internal string Range()
    {
        var text =
            Max == double.MaxValue ? $"at least {Min}" : $"from {Min} to {Max}{(MaxExcluded ? ", exclusive" : "")}";
        return text.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>What is wrong with the value, or null.</summary>
    internal string? Complain(double value) =>
        Allows(value) ? null : string.Create(CultureInfo.InvariantCulture, $"{Name} is {value}, but must be {Range()}");
}
