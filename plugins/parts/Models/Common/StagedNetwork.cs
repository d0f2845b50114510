using KdPlugins.Core;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A <see cref="StagedNet"/> in a role: taps as its parts give them, cuts between its parts.</summary>
public sealed class StagedNetwork : ISplittableNetwork, IFreezableNetwork
{
    private readonly Func<FrozenLayers?, StagedNet> _make;
    private readonly StagedNet _net;

    /// <param name="make">Makes a network of this form: with fresh weights, or with the frozen layers of another.</param>
    /// <param name="input">The input without the batch dimension.</param>
    /// <param name="classes">Length of the logits.</param>
    internal StagedNetwork(Func<FrozenLayers?, StagedNet> make, IReadOnlyList<long> input, int classes)
    {
        (_make, _net) = (make, make(null));
        Shape = Describe(input, classes);
        Cuts = [.. _net.Parts.SkipLast(1).Select(part => part.Name)];
    }

    /// <inheritdoc/>
    public nn.Module Module => _net;

    /// <inheritdoc/>
    public NetworkShape Shape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Cuts { get; }

    /// <inheritdoc/>
    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
    {
        foreach (var tap in taps ?? [])
            Shape.Tap(tap);
        return Output(_net.ForwardFeatures(input, taps ?? []));
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0302</c>: there is no such cut.</exception>
    public Tensor ForwardTo(string cut, Tensor input) => _net.RunParts(input, 0, PartBehind(cut), new TapCollector([]));

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0302</c>: there is no such cut, or a tap that does not lie behind it.</exception>
    public ModelOutput ForwardFrom(string cut, Tensor value, IReadOnlyCollection<string>? taps)
    {
        var output = Output(_net.Run(value, PartBehind(cut), new TapCollector(taps ?? [])));
        foreach (var tap in taps ?? [])
            output.Feature(tap);
        return output;
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0302</c>: there is no such cut.</exception>
    public INetwork CloneTail(string cut)
    {
        var first = PartBehind(cut);
        StagedNet copy;
        // The fresh weights are overwritten at once: nobody else's draws shall move for them.
        using (RandomScope.Use(0))
            copy = _make(null);
        var at = _net.parameters().First();
        copy.to(at.dtype).to(at.device);
        using (no_grad())
        {
            var values = ModuleWeights.State(_net);
            foreach (var (name, target) in ModuleWeights.State(copy))
                target.copy_(values[name]);
        }
        copy.train(_net.training);
        return new TailNetwork(copy, first, TailShape(cut));
    }

    /// <inheritdoc/>
    /// <remarks>It answers as this network does in evaluation mode.</remarks>
    public INetwork Freeze(ScalarType dtype)
    {
        var net = _make(new FrozenLayers(_net, dtype));
        net.eval();
        return new FrozenNetwork(net, dtype, Shape);
    }

    internal static ModelOutput Output(FeatureOutput output) => new(output.Logits, output.Pooled, output.Features);

    // Taps are found by looking: a pass without gradients, in evaluation mode so that no statistics move.
    private NetworkShape Describe(IReadOnlyList<long> input, int classes)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _net.eval();
        var taps = new TapCollector(null);
        var output = _net.Run(zeros([1, .. input]), 0, taps);
        _net.train();
        return new NetworkShape(input, classes, output.Pooled.shape[1], taps.Describe());
    }

    private NetworkShape TailShape(string cut)
    {
        var place = Shape.Tap(cut);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var training = _net.training;
        _net.eval();
        var at = _net.parameters().First();
        var taps = new TapCollector(null);
        _net.Run(zeros([1, .. place.Shape], dtype: at.dtype, device: at.device), PartBehind(cut), taps);
        _net.train(training);
        return new NetworkShape(place.Shape, Shape.Classes, Shape.Embedding, taps.Describe());
    }

    private int PartBehind(string cut)
    {
        for (var i = 0; i < Cuts.Count; i++)
            if (Cuts[i] == cut)
                return i + 1;
        throw new KdException(
            CoreErrors.TapMissing,
            $"The network cannot be cut at '{cut}'. It can be cut at: {string.Join(", ", Cuts)}."
        );
    }
}
