using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Puts modules under a root by the dotted paths of published code, such as <c>layer1.0.conv1</c>.</summary>
/// <param name="root">The network.</param>
/// <param name="frozen">Where its layers come from, where it is the frozen form of another; null where they are new.</param>
internal sealed class ModuleTree(nn.Module root, FrozenLayers? frozen = null)
{
    private readonly List<string> _added = [];

    /// <summary>The paths so far, in order.</summary>
    internal IReadOnlyList<string> Added => _added;

    /// <summary>A convolution and its norm.</summary>
    /// <param name="conv">The convolution's path.</param>
    /// <param name="makeConv">Makes a new one.</param>
    /// <param name="norm">The norm's path; null for none.</param>
    /// <param name="makeNorm">Makes a new one.</param>
    internal ConvUnit Unit(string conv, Func<Conv2d> makeConv, string? norm, Func<nn.Module<Tensor, Tensor>> makeNorm)
    {
        if (frozen is null)
            return new TrainableUnit(Add(conv, makeConv()), norm is null ? null : Add(norm, makeNorm()));
        var original = frozen.Original(norm);
        var convolution = Add(conv, frozen.Convolution(conv, original));
        return new FrozenUnit(convolution, original is null or BatchNorm2d ? null : Add(norm!, frozen.Norm(original)));
    }

    /// <summary>A batch norm that stands alone.</summary>
    internal nn.Module<Tensor, Tensor> Norm(string path, int channels) =>
        Add(path, frozen is null ? nn.BatchNorm2d(channels) : frozen.Norm(frozen.Original(path)!));

    /// <summary>Registers a module; the branches on the way are made where they are missing.</summary>
    internal T Add<T>(string path, T module)
        where T : nn.Module
    {
        var names = path.Split('.');
        var at = root;
        foreach (var name in names[..^1])
        {
            var next = at.named_children().FirstOrDefault(child => child.name == name).module;
            if (next is null)
                at.register_module(name, next = new Branch(name));
            at = next;
        }
        at.register_module(names[^1], module);
        _added.Add(path);
        return module;
    }

    /// <summary>The module at a path.</summary>
    internal static nn.Module Find(nn.Module root, string path) =>
        path.Split('.').Aggregate(root, (at, name) => at.named_children().First(child => child.name == name).module);

    /// <summary>Holds modules and gives them the first part of their names.</summary>
    private sealed class Branch(string name) : nn.Module(name);
}
