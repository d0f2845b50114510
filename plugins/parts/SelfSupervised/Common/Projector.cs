using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>
/// The head between embedding and objective, which is thrown away afterwards: linear layers, the inner ones followed by
/// batch norm and ReLU.
/// </summary>
internal sealed class Projector : nn.Module<Tensor, Tensor>
{
    private readonly Sequential layers;

    /// <param name="input">The length of the embedding.</param>
    /// <param name="widths">The layers' widths, at least one.</param>
    /// <param name="bias">Whether the linear layers have a bias.</param>
    public Projector(long input, IReadOnlyList<int> widths, bool bias)
        : base(nameof(Projector))
    {
        var parts = new List<nn.Module<Tensor, Tensor>>();
        for (var i = 0; i < widths.Count; i++)
        {
            parts.Add(nn.Linear(i == 0 ? input : widths[i - 1], widths[i], bias));
            if (i == widths.Count - 1)
                continue;
            parts.Add(nn.BatchNorm1d(widths[i]));
            parts.Add(nn.ReLU());
        }
        layers = nn.Sequential(parts);
        RegisterComponents();
    }

    /// <summary>[B, embedding] to [B, last width], in float32 at least.</summary>
    public override Tensor forward(Tensor embedding)
    {
        var projected = layers.call(embedding);
        return projected.dtype == ScalarType.BFloat16 ? projected.to(ScalarType.Float32) : projected;
    }
}
