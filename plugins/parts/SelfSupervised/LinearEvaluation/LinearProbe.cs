using KdPlugins.Core;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>A linear classifier on another network's embedding. Only the classifier is its own.</summary>
internal sealed class LinearProbe : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly FrozenFeatures _features;
    private readonly Linear fc;

    public LinearProbe(INetwork network, long classes)
        : base(nameof(LinearProbe))
    {
        _features = new FrozenFeatures(network);
        fc = nn.Linear(network.Shape.Embedding, classes);
        RegisterComponents();
        Shape = new NetworkShape(network.Shape.Input, classes, network.Shape.Embedding, []);
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; }

    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
    {
        var embedding = _features.Of(input, mask);
        return new ModelOutput(fc.call(embedding), embedding, new Dictionary<string, Tensor>());
    }

    public override Tensor forward(Tensor input) => Forward(input, null, []).Logits;

    /// <summary>Copies the classifier into the network's own last layer, where that has the same shape.</summary>
    public void CopyInto(INetwork network)
    {
        using var _ = no_grad();
        var own = network.Module.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        var weight = own.LastOrDefault(p => p.Value.shape.SequenceEqual(fc.weight.shape));
        if (weight.Key is null || !weight.Key.EndsWith("weight", StringComparison.Ordinal))
            return;
        if (!own.TryGetValue(weight.Key[..^"weight".Length] + "bias", out var bias))
            return;
        weight.Value.copy_(fc.weight);
        bias.copy_(fc.bias!);
    }
}
