using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// A network that answers with a class per place: stages in a row, a main head on the last of them, and maybe an auxiliary head,
/// whose logits are the tap <c>aux</c>. The parameters bear the names of published code.
/// </summary>
public sealed class MapNet : nn.Module<Tensor, Tensor>
{
    /// <summary>The tap of the auxiliary head.</summary>
    internal const string Aux = "aux";

    private readonly List<Part> _parts = [];
    private readonly FrozenLayers? _frozen;
    private Stretch? _head;
    private (string After, Stretch Run)? _aux;

    /// <param name="name">The network's name.</param>
    /// <param name="frozen">Where its layers come from, where it is the frozen form of another; null where they are new.</param>
    internal MapNet(string name, FrozenLayers? frozen)
        : base(name) => _frozen = frozen;

    /// <summary>Appends a stage, whose value is the tap of its name.</summary>
    internal void Append(string name, Func<ModuleTree, Stretch> build)
    {
        var tree = new ModuleTree(this, _frozen);
        var run = build(tree);
        _parts.Add(new(name, tree.Added, run));
    }

    /// <summary>The main head, on the last stage's value.</summary>
    internal void End(Func<ModuleTree, Stretch> build) => _head = build(new(this, _frozen));

    /// <summary>The auxiliary head, on the value of a stage; it is computed only where it is asked for.</summary>
    internal void Side(string after, Func<ModuleTree, Stretch> build) => _aux = (after, build(new(this, _frozen)));

    /// <summary>The main head's logits.</summary>
    /// <param name="input">Images <c>[batch, channels, height, width]</c>.</param>
    /// <returns><c>[batch, classes, height / stride, width / stride]</c></returns>
    public override Tensor forward(Tensor input) => Run(input, new TapCollector([]));

    /// <summary>The main head's logits; taps go to the collector.</summary>
    internal Tensor Run(Tensor input, TapCollector taps)
    {
        var x = input;
        foreach (var part in _parts)
        {
            var next = taps.Add(part.Name, part.Run(x, taps));
            if (!ReferenceEquals(x, input))
                taps.Release(x);
            x = next;
            if (_aux is { } aux && aux.After == part.Name && taps.Wants(Aux))
                taps.Add(Aux, Wide(aux.Run(x, taps)), signed: true);
        }
        var logits = Wide(_head!(x, taps));
        taps.Release(x);
        return logits;
    }

    /// <summary>In float32 at least, so that the softmax sees no rounding; the given one is given up.</summary>
    internal Tensor Wide(Tensor logits) => _frozen?.Widen(logits) ?? logits;
}
