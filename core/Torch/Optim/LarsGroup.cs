using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>The hyper-parameters of a group of <see cref="Lars"/>; null means the optimiser's.</summary>
public sealed class LarsOptions : OptimizerOptions
{
    /// <summary>Momentum, from 0 to 1 exclusive.</summary>
    public double? Momentum { get; set; }

    /// <summary>L2 penalty, 0 or more.</summary>
    public double? WeightDecay { get; set; }

    /// <summary>The length of an update relative to that of the weights, before the learning rate; 0 or more.</summary>
    public double? TrustCoefficient { get; set; }

    /// <summary>Whether parameters of at most one dimension (biases, normalisation) are spared decay and adaptation.</summary>
    public bool? ExcludeBiasAndNorm { get; set; }

    /// <inheritdoc />
    public override void SaveStateDict(BinaryWriter writer)
    {
        base.SaveStateDict(writer);
        writer.Write(Momentum!.Value);
        writer.Write(WeightDecay!.Value);
        writer.Write(TrustCoefficient!.Value);
        writer.Write(ExcludeBiasAndNorm!.Value);
    }

    /// <inheritdoc />
    public override void LoadStateDict(BinaryReader reader)
    {
        base.LoadStateDict(reader);
        Momentum = reader.ReadDouble();
        WeightDecay = reader.ReadDouble();
        TrustCoefficient = reader.ReadDouble();
        ExcludeBiasAndNorm = reader.ReadBoolean();
    }

    /// <inheritdoc />
    public override void LoadStateDict(OptimizerOptions source)
    {
        base.LoadStateDict(source);
        var other = (LarsOptions)source;
        Momentum = other.Momentum;
        WeightDecay = other.WeightDecay;
        TrustCoefficient = other.TrustCoefficient;
        ExcludeBiasAndNorm = other.ExcludeBiasAndNorm;
    }

    internal void FillFrom(LarsOptions other)
    {
        LearningRate ??= other.LearningRate;
        Momentum ??= other.Momentum;
        WeightDecay ??= other.WeightDecay;
        TrustCoefficient ??= other.TrustCoefficient;
        ExcludeBiasAndNorm ??= other.ExcludeBiasAndNorm;
    }
}

/// <summary>Named parameters with hyper-parameters of their own, for <see cref="Lars"/>.</summary>
public sealed class LarsGroup : ParamGroup<LarsOptions>, INamedGroup, optim.IMomentum
{
    /// <summary>Makes the group; what is left out is the optimiser's.</summary>
    /// <param name="parameters">Names and parameters, such as <c>module.named_parameters()</c>.</param>
    /// <param name="learningRate">Learning rate, 0 or more.</param>
    /// <param name="momentum">Momentum, from 0 to 1 exclusive.</param>
    /// <param name="weightDecay">L2 penalty, 0 or more.</param>
    /// <param name="trustCoefficient">The length of an update relative to that of the weights, 0 or more.</param>
    /// <param name="excludeBiasAndNorm">Whether parameters of at most one dimension are spared decay and adaptation.</param>
    public LarsGroup(
        IEnumerable<(string name, Parameter parameter)> parameters,
        double? learningRate = null,
        double? momentum = null,
        double? weightDecay = null,
        double? trustCoefficient = null,
        bool? excludeBiasAndNorm = null
    )
    {
        var all = parameters.ToArray();
        Names = [.. all.Select(p => p.name)];
        Parameters = [.. all.Select(p => p.parameter)];
        Options = new LarsOptions
        {
            LearningRate = learningRate,
            Momentum = momentum,
            WeightDecay = weightDecay,
            TrustCoefficient = trustCoefficient,
            ExcludeBiasAndNorm = excludeBiasAndNorm,
        };
    }

    /// <inheritdoc />
    public IReadOnlyList<string> Names { get; }

    /// <summary>The group's momentum.</summary>
    public double Momentum
    {
        get => Options.Momentum!.Value;
        set => Options.Momentum = value;
    }
}
