using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>
/// A classifier without parameters: the nearest training samples by the cosine of another network's embeddings vote, each
/// with the weight exp(cosine / temperature) (Wu, Xiong, Yu, Lin 2018, section 3.4).
/// </summary>
internal sealed class NeighbourProbe : nn.Module<Tensor, Tensor>, INetwork
{
    // The share of a class that no neighbour has; its logarithm is what a network can say.
    private const double Floor = 1e-6;

    private readonly FrozenFeatures _features;
    private readonly int _neighbours;
    private readonly double _temperature;
    private readonly Tensor bank;
    private readonly Tensor labels;

    /// <param name="network">Gives the embeddings.</param>
    /// <param name="samples">The most samples that can be kept.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="neighbours">How many vote.</param>
    /// <param name="temperature">Above 0.</param>
    public NeighbourProbe(INetwork network, long samples, long classes, int neighbours, double temperature)
        : base(nameof(NeighbourProbe))
    {
        _features = new FrozenFeatures(network);
        (_neighbours, _temperature) = (neighbours, temperature);
        bank = zeros(samples, network.Shape.Embedding).DetachFromDisposeScope();
        labels = full([samples], -1L, ScalarType.Int64).DetachFromDisposeScope();
        register_buffer("bank", bank);
        register_buffer("labels", labels);
        Shape = new NetworkShape(network.Shape.Input, classes, network.Shape.Embedding, []);
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; }

    /// <summary>Keeps samples in the rows from one on.</summary>
    /// <param name="row">The first row.</param>
    /// <param name="input">Images [B, C, H, W].</param>
    /// <param name="classes">int64 [B].</param>
    public void Keep(long row, Tensor input, Tensor classes)
    {
        using var _ = no_grad();
        var unit = nn.functional.normalize(_features.Of(input, null), p: 2, dim: 1);
        get_buffer("bank")!.narrow(0, row, unit.shape[0]).copy_(unit);
        get_buffer("labels")!.narrow(0, row, unit.shape[0]).copy_(classes);
    }

    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
    {
        using var _ = no_grad();
        var embedding = _features.Of(input, mask);
        var (kept, classes) = (get_buffer("bank")!, get_buffer("labels")!);
        var unit = nn.functional.normalize(embedding, p: 2, dim: 1);
        var cosine = unit.mm(kept.t()).masked_fill(classes.lt(0).unsqueeze(0), double.NegativeInfinity);
        var (best, rows) = cosine.topk((int)Math.Min(_neighbours, kept.shape[0]), 1);
        var votes = zeros(unit.shape[0], Shape.Classes, device: unit.device)
            .scatter_add(1, classes.clamp_min(0).take(rows), best.div(_temperature).exp());
        var logits = votes.div(votes.sum(1, keepdim: true).clamp_min(Floor)).add(Floor).log();
        return new ModelOutput(logits, embedding, new Dictionary<string, Tensor>());
    }

    public override Tensor forward(Tensor input) => Forward(input, null, []).Logits;
}
