using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A <see cref="CifarResNet"/> in a role.</summary>
public sealed class CifarResNetNetwork : IFreezableNetwork
{
    private readonly CifarResNet _net;

    internal CifarResNetNetwork(CifarResNet net, IReadOnlyList<long> input)
    {
        _net = net;
        Shape = Describe(net, input);
    }

    /// <inheritdoc/>
    public nn.Module Module => _net;

    /// <inheritdoc/>
    public NetworkShape Shape { get; }

    /// <inheritdoc/>
    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
    {
        foreach (var tap in taps ?? [])
            Shape.Tap(tap);
        var output = _net.ForwardFeatures(input, taps ?? []);
        return new ModelOutput(output.Logits, output.Pooled, output.Features);
    }

    /// <inheritdoc/>
    public INetwork Freeze(ScalarType dtype) => new FrozenCifarResNetNetwork(_net.Freeze(dtype), Shape);

    /// <summary>Names and shapes of a network's taps for an input <c>[channels, height, width]</c>.</summary>
    internal static NetworkShape Describe(CifarResNet net, IReadOnlyList<long> input)
    {
        var widths = net.Spec.Widths;
        var (height, width) = (input[1], input[2]);
        var taps = new List<Tap> { new("stem", [widths[0], height, width], isPreActivation: false) };
        for (var stage = 1; stage <= 3; stage++)
        {
            if (stage > 1)
                (height, width) = ((height + 1) / 2, (width + 1) / 2);
            long[] shape = [widths[stage], height, width];
            taps.Add(new Tap($"layer{stage}.preact", shape, isPreActivation: true));
            taps.Add(new Tap($"layer{stage}", shape, isPreActivation: false));
        }
        taps.Add(new Tap("pooled", [widths[3]], isPreActivation: false));
        return new NetworkShape(input, net.Classes, widths[3], taps);
    }
}
