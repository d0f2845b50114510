using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Computes a stretch of a network. The input stays as it is; taps go to the collector.</summary>
internal delegate Tensor Stretch(Tensor input, TapCollector taps);

/// <summary>A stretch between two places where a network can be cut, and the paths of the modules it uses.</summary>
internal sealed record Part(string Name, IReadOnlyList<string> Modules, Stretch Run);

/// <summary>
/// A network of parts in a row, an embedding and a linear classifier. The parameters bear the names of published code,
/// whatever the parts are; modules can be reached (and hooked) by these names.
/// </summary>
/// <remarks>
/// Intermediate results are changed in place and released at once: a hook that wants to keep one must clone it.
/// A frozen form of a network is built by the same code from other layers, see <see cref="FrozenLayers"/>.
/// </remarks>
public sealed class StagedNet : nn.Module<Tensor, Tensor>
{
    private readonly List<Part> _parts = [];
    private readonly HashSet<string> _signed = [];
    private readonly FrozenLayers? _frozen;
    private Part? _embed;
    private nn.Module<Tensor, Tensor>? _classifier;
    private double _dropout;

    /// <param name="name">The network's name.</param>
    /// <param name="frozen">Where its layers come from, where it is the frozen form of another; null where they are new.</param>
    internal StagedNet(string name, FrozenLayers? frozen)
        : base(name) => _frozen = frozen;

    internal IReadOnlyList<Part> Parts => _parts;

    /// <summary>Appends a part. A network can be cut behind it where it is not the last one.</summary>
    /// <param name="name">The name of the tap that the part ends with.</param>
    /// <param name="build">Adds the part's modules and gives the function that computes it.</param>
    internal void Append(string name, Func<ModuleTree, Stretch> build) => _parts.Add(Build(name, build));

    /// <summary>Ends the network.</summary>
    /// <param name="embed">From the last part's value to the embedding [batch, size].</param>
    /// <param name="path">The classifier's name.</param>
    /// <param name="size">The length of the embedding.</param>
    /// <param name="classes">Length of the logits.</param>
    internal void End(Func<ModuleTree, Stretch> embed, string path, long size, int classes)
    {
        _classifier = _frozen is null ? nn.Linear(size, classes) : _frozen.Classifier(path);
        _embed = Build(
            "pooled",
            tree =>
            {
                var stretch = embed(tree);
                tree.Add(path, _classifier);
                return stretch;
            }
        );
    }

    /// <summary>Logits only.</summary>
    /// <param name="input">Images <c>[batch, channels, height, width]</c>.</param>
    /// <returns><c>[batch, classes]</c></returns>
    public override Tensor forward(Tensor input)
    {
        var output = Run(input, 0, new TapCollector([]));
        output.Pooled.Dispose();
        return output.Logits;
    }

    /// <summary>Logits and taps.</summary>
    /// <param name="input">Images <c>[batch, channels, height, width]</c>.</param>
    /// <param name="taps">Which taps to give; null for all.</param>
    public FeatureOutput ForwardFeatures(Tensor input, IReadOnlyCollection<string>? taps = null) =>
        Run(input, 0, new TapCollector(taps));

    /// <summary>From the input of a part to the end.</summary>
    internal FeatureOutput Run(Tensor input, int first, TapCollector taps)
    {
        var last = RunParts(input, first, _parts.Count, taps);
        var embedding = _embed!.Run(last, taps);
        var pooled = taps.Add("pooled", _frozen?.Widen(embedding) ?? embedding);
        if (!ReferenceEquals(last, input))
            taps.Release(last);
        return new FeatureOutput(Classify(pooled), pooled, taps.Features);
    }

    private Tensor Classify(Tensor pooled)
    {
        if (_dropout == 0)
            return _classifier!.call(pooled);
        using var thinned = Traced.Dropout(pooled, _dropout, _classifier!.training);
        return _classifier.call(thinned);
    }

    /// <summary>The value behind the parts from first to before end.</summary>
    internal Tensor RunParts(Tensor input, int first, int end, TapCollector taps)
    {
        var x = input;
        for (var i = first; i < end; i++)
        {
            var next = taps.Add(_parts[i].Name, _parts[i].Run(x, taps), _signed.Contains(_parts[i].Name));
            if (!ReferenceEquals(x, input))
                taps.Release(x);
            x = next;
        }
        return x;
    }

    /// <summary>Says that training drops a share of the embedding's values before the classifier.</summary>
    internal void DropoutBeforeClassifier(double share) => _dropout = share;

    /// <summary>Says that a part ends before an activation, with signed values.</summary>
    internal void EndsSigned(string part) => _signed.Add(part);

    /// <summary>The modules of the parts from first on and of the classifier, by their paths.</summary>
    internal IEnumerable<string> PathsFrom(int first) =>
        _parts.Skip(first).Append(_embed!).SelectMany(part => part.Modules);

    private Part Build(string name, Func<ModuleTree, Stretch> build)
    {
        var tree = new ModuleTree(this, _frozen);
        var run = build(tree);
        return new Part(name, tree.Added, run);
    }
}
