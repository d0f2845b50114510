using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>The hyper-parameters of a group of <see cref="Muon"/>; null means the optimiser's.</summary>
public sealed class MuonOptions : OptimizerOptions
{
    /// <summary>Momentum of matrices, from 0 to 1 exclusive.</summary>
    public double? Momentum { get; set; }

    /// <summary>Decay of the running mean of the other parameters' gradients, from 0 to 1 exclusive.</summary>
    public double? Beta1 { get; set; }

    /// <summary>Decay of the running mean of their squares, from 0 to 1 exclusive.</summary>
    public double? Beta2 { get; set; }

    /// <summary>Added to the root in their denominator, 0 or more.</summary>
    public double? Epsilon { get; set; }

    /// <summary>Decoupled weight decay, 0 or more.</summary>
    public double? WeightDecay { get; set; }

    /// <inheritdoc />
    public override void SaveStateDict(BinaryWriter writer)
    {
        base.SaveStateDict(writer);
        foreach (var value in (double?[])[Momentum, Beta1, Beta2, Epsilon, WeightDecay])
            writer.Write(value!.Value);
    }

    /// <inheritdoc />
    public override void LoadStateDict(BinaryReader reader)
    {
        base.LoadStateDict(reader);
        (Momentum, Beta1, Beta2) = (reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble());
        (Epsilon, WeightDecay) = (reader.ReadDouble(), reader.ReadDouble());
    }

    /// <inheritdoc />
    public override void LoadStateDict(OptimizerOptions source)
    {
        base.LoadStateDict(source);
        var other = (MuonOptions)source;
        (Momentum, Beta1, Beta2) = (other.Momentum, other.Beta1, other.Beta2);
        (Epsilon, WeightDecay) = (other.Epsilon, other.WeightDecay);
    }

    internal void FillFrom(MuonOptions other)
    {
        LearningRate ??= other.LearningRate;
        Momentum ??= other.Momentum;
        Beta1 ??= other.Beta1;
        Beta2 ??= other.Beta2;
        Epsilon ??= other.Epsilon;
        WeightDecay ??= other.WeightDecay;
    }
}

/// <summary>Named parameters with hyper-parameters of their own, for <see cref="Muon"/>.</summary>
public sealed class MuonGroup : ParamGroup<MuonOptions>, INamedGroup
{
    /// <summary>Makes the group; what is left out is the optimiser's.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="weightDecay">Weight decay, 0 or more.</param>
    public MuonGroup(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double? learningRate = null,
        double? weightDecay = null
    )
    {
        var all = parameters.ToArray();
        Names = [.. all.Select(p => p.name)];
        Parameters = [.. all.Select(p => p.parameter)];
        Options = new MuonOptions { LearningRate = learningRate, WeightDecay = weightDecay };
    }

    /// <inheritdoc />
    public IReadOnlyList<string> Names { get; }
}
