using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>The hyper-parameters of a group of <see cref="FusedAdam"/>; null means the optimiser's.</summary>
public sealed class AdamOptions : OptimizerOptions
{
    /// <summary>Decay of the running mean of gradients, from 0 to 1 exclusive.</summary>
    public double? Beta1 { get; set; }

    /// <summary>Decay of the running mean of squared gradients, from 0 to 1 exclusive.</summary>
    public double? Beta2 { get; set; }

    /// <summary>Added to the root in the denominator, 0 or more.</summary>
    public double? Epsilon { get; set; }

    /// <summary>Weight decay, 0 or more.</summary>
    public double? WeightDecay { get; set; }

    /// <inheritdoc />
    public override void SaveStateDict(BinaryWriter writer)
    {
        base.SaveStateDict(writer);
        writer.Write(Beta1!.Value);
        writer.Write(Beta2!.Value);
        writer.Write(Epsilon!.Value);
        writer.Write(WeightDecay!.Value);
    }

    /// <inheritdoc />
    public override void LoadStateDict(BinaryReader reader)
    {
        base.LoadStateDict(reader);
        Beta1 = reader.ReadDouble();
        Beta2 = reader.ReadDouble();
        Epsilon = reader.ReadDouble();
        WeightDecay = reader.ReadDouble();
    }

    /// <inheritdoc />
    public override void LoadStateDict(OptimizerOptions source)
    {
        base.LoadStateDict(source);
        var other = (AdamOptions)source;
        Beta1 = other.Beta1;
        Beta2 = other.Beta2;
        Epsilon = other.Epsilon;
        WeightDecay = other.WeightDecay;
    }

    internal void FillFrom(AdamOptions other)
    {
        LearningRate ??= other.LearningRate;
        Beta1 ??= other.Beta1;
        Beta2 ??= other.Beta2;
        Epsilon ??= other.Epsilon;
        WeightDecay ??= other.WeightDecay;
    }
}

/// <summary>Named parameters with hyper-parameters of their own, for <see cref="FusedAdam"/>.</summary>
public sealed class AdamGroup : ParamGroup<AdamOptions>, INamedGroup, optim.IBetas
{
    /// <summary>Makes the group; what is left out is the optimiser's.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="beta1">Decay of the running mean of gradients, from 0 to 1 exclusive.</param>
    /// <param name="beta2">Decay of the running mean of squared gradients, from 0 to 1 exclusive.</param>
    /// <param name="epsilon">Added to the root in the denominator, 0 or more.</param>
    /// <param name="weightDecay">Weight decay, 0 or more.</param>
    public AdamGroup(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double? learningRate = null,
        double? beta1 = null,
        double? beta2 = null,
        double? epsilon = null,
        double? weightDecay = null
    )
    {
        var all = parameters.ToArray();
        Names = [.. all.Select(p => p.name)];
        Parameters = [.. all.Select(p => p.parameter)];
        Options = new AdamOptions
        {
            LearningRate = learningRate,
            Beta1 = beta1,
            Beta2 = beta2,
            Epsilon = epsilon,
            WeightDecay = weightDecay,
        };
    }

    /// <inheritdoc />
    public IReadOnlyList<string> Names { get; }

    /// <summary>Both decays.</summary>
    public (double, double) Betas
    {
        get => (Options.Beta1!.Value, Options.Beta2!.Value);
        set => (Options.Beta1, Options.Beta2) = value;
    }
}
