using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// A <see cref="MapNet"/> in a role. Its logits are <c>[batch, classes, h, w]</c> at the network's own stride; losses and meters
/// enlarge them to the labels' size. It has no embedding.
/// </summary>
internal sealed class MapNetwork : IFreezableNetwork
{
    private readonly Func<FrozenLayers?, MapNet> _make;
    private readonly MapNet _net;

    /// <param name="make">Makes a network of this form: with fresh weights, or with the frozen layers of another.</param>
    /// <param name="input">The input without the batch dimension.</param>
    /// <param name="classes">Channels of the logits.</param>
    internal MapNetwork(Func<FrozenLayers?, MapNet> make, IReadOnlyList<long> input, long classes)
    {
        (_make, _net) = (make, make(null));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _net.eval();
        var taps = new TapCollector(null);
        _net.Run(zeros([1, .. input]), taps);
        _net.train();
        Shape = new(input, classes, 0, taps.Describe());
    }

    public nn.Module Module => _net;

    public NetworkShape Shape { get; }

    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps) =>
        Answer(_net, Shape, input, taps);

    /// <remarks>It answers as this network does in evaluation mode.</remarks>
    public INetwork Freeze(ScalarType dtype)
    {
        var net = _make(new FrozenLayers(_net, dtype));
        net.eval();
        return new Frozen(net, dtype, Shape);
    }

    private static ModelOutput Answer(MapNet net, NetworkShape shape, Tensor input, IReadOnlyCollection<string>? taps)
    {
        foreach (var tap in taps ?? [])
            shape.Tap(tap);
        var collector = new TapCollector(taps ?? []);
        return new(net.Run(input, collector), null, collector.Features);
    }

    private sealed class Frozen(MapNet net, ScalarType dtype, NetworkShape shape) : INetwork
    {
        public nn.Module Module => net;

        public NetworkShape Shape => shape;

        public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
        {
            using var own = Autocast.Disabled();
            using var x = input.dtype == dtype ? Traced.Alias(input) : input.to(dtype);
            return Answer(net, shape, x, taps);
        }
    }
}
