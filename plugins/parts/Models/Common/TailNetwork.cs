using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>The part of a network behind a cut, with parameters of its own under the names they have in the whole.</summary>
internal sealed class TailNetwork : INetwork
{
    private readonly StagedNet _whole;
    private readonly int _first;

    /// <param name="whole">A network that nothing else uses; what stands before the cut is given up.</param>
    /// <param name="first">The first part behind the cut.</param>
    /// <param name="shape">What the tail takes and gives.</param>
    internal TailNetwork(StagedNet whole, int first, NetworkShape shape)
    {
        (_whole, _first, Shape) = (whole, first, shape);
        var tail = new Tail(whole.GetName() + " tail");
        var tree = new ModuleTree(tail);
        var kept = whole.PathsFrom(first).ToHashSet();
        foreach (var path in kept)
            tree.Add(path, ModuleTree.Find(whole, path));
        foreach (var path in whole.PathsFrom(0).Where(path => !kept.Contains(path)))
            ModuleTree.Find(whole, path).Dispose();
        tail.train(whole.training);
        Module = tail;
    }

    public nn.Module Module { get; }

    public NetworkShape Shape { get; }

    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
    {
        foreach (var tap in taps ?? [])
            Shape.Tap(tap);
        return StagedNetwork.Output(_whole.Run(input, _first, new TapCollector(taps ?? [])));
    }

    private sealed class Tail(string name) : nn.Module(name);
}
