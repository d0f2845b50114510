using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Puts modules under a root by the dotted paths of published code, such as <c>layer1.0.conv1</c>.</summary>
internal sealed class ModuleTree(nn.Module root)
{
    private readonly List<string> _added = [];

    /// <summary>The paths so far, in order.</summary>
    internal IReadOnlyList<string> Added => _added;

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
