using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>The names under which a module's parts are saved.</summary>
public static class ModuleNames
{
    /// <summary>
    /// Fails where a module is registered twice, or a tensor has two names: a file of published weights, which has one,
    /// would not load, and checkpoints hold the tensor twice.
    /// </summary>
    /// <param name="module">What is saved: a network's, a loss's, a generator's module, or a strategy's state.</param>
    /// <exception cref="ConformanceException">Both names, and what to do.</exception>
    public static void Verify(nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        Visit(module, "", new(ReferenceEqualityComparer.Instance), []);
    }

    private static void Visit(
        nn.Module module,
        string name,
        Dictionary<nn.Module, string> modules,
        Dictionary<nint, string> tensors
    )
    {
        if (!modules.TryAdd(module, name))
            throw Twice($"the module '{modules[module]}' ({module.GetType().Name})", name);
        var own = module
            .named_parameters(recurse: false)
            .Select(p => (Name: p.name, p.parameter.Handle))
            .Concat(module.named_buffers(recurse: false).Select(b => (Name: b.name, b.buffer.Handle)));
        foreach (var (tensor, handle) in own)
            if (!tensors.TryAdd(handle, Join(name, tensor)))
                throw Twice($"the tensor '{tensors[handle]}'", Join(name, tensor));
        foreach (var (child, part) in module.named_children())
            Visit(part, Join(name, child), modules, tensors);
    }

    private static string Join(string name, string part) => name.Length == 0 ? part : $"{name}.{part}";

    private static ConformanceException Twice(string what, string name) =>
        new(
            $"{what} is registered as '{name}' too. RegisterComponents takes every field that holds a module: hold it in its "
                + "container alone, and read it from there (container[0]) or from a property without a field."
        );
}
