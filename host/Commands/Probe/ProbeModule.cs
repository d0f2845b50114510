using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>The parameters and buffers of what is probed, by the names they are saved under.</summary>
internal sealed class ProbeModule
{
    private readonly Dictionary<string, Tensor> _parameters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _buffers = new(StringComparer.Ordinal);

    /// <summary>Brings a module to the probe's dtype and mode; null for a plugin without one.</summary>
    internal ProbeModule(nn.Module? module, ScalarType dtype, bool train)
    {
        if (module is null)
            return;
        module.to(dtype);
        module.train(train);
        foreach (var (name, value) in ModuleWeights.State(module))
            (value is Parameter ? _parameters : _buffers)[name] = value;
    }

    /// <summary>Names, values and whether each is a parameter.</summary>
    internal IEnumerable<(string Name, Tensor Value, bool IsParameter)> All =>
        _parameters
            .Select(p => ($"parameters.{p.Key}", p.Value, true))
            .Concat(_buffers.Select(b => ($"buffers.{b.Key}", b.Value, false)));

    /// <summary>The parameters that gradients are asked for, by their names in the file.</summary>
    internal IEnumerable<(string Name, Tensor Value)> Leaves =>
        _parameters.Where(p => p.Value.requires_grad).Select(p => ($"parameters.{p.Key}", p.Value));

    /// <summary>Refuses an input that leaves a parameter or a buffer to the seed.</summary>
    /// <exception cref="KdException"><c>KDP0806</c>, with every name.</exception>
    internal void RequireGiven(ProbeInput input, string who)
    {
        var all = All.ToList();
        var absent = all.Where(p => input.Peek(p.Name) is null).ToList();
        if (absent.Count > 0)
            throw ProbeFault.Input(
                $"{input.Origin} leaves out {absent.Count} of the {all.Count} parameters and buffers of {who}, and "
                    + "--strict allows none: "
                    + string.Join(", ", absent.Select(p => $"'{p.Name}' {TensorText.Describe(p.Value)}"))
                    + "."
            );
    }

    /// <summary>Sets what the input gives.</summary>
    /// <exception cref="KdException"><c>KDP0806</c>: another shape.</exception>
    internal void SetFrom(ProbeInput input)
    {
        using var _ = no_grad();
        foreach (var (name, value, _) in All)
        {
            if (input.Find(name) is not { } given)
                continue;
            if (!given.shape.SequenceEqual(value.shape) || given.is_floating_point() != value.is_floating_point())
                throw ProbeFault.Input(
                    $"'{name}' is {TensorText.Describe(given)}; expected {TensorText.Describe(value)}."
                );
            value.copy_(given);
        }
    }

    /// <summary>Adds parameters and buffers as they are.</summary>
    internal void WriteTo(ProbeOutput output)
    {
        foreach (var (name, value, _) in All)
            output.Add(name, value);
    }

    /// <summary>Adds buffers that a pass has changed, as they are after it.</summary>
    internal void WriteChanges(ProbeOutput output, IReadOnlyDictionary<string, Tensor> before)
    {
        foreach (var (name, value) in _buffers)
            if (!value.Equals(before[name]))
                output.Add($"after.buffers.{name}", value);
    }

    /// <summary>The buffers' present values.</summary>
    internal Dictionary<string, Tensor> Buffers() => _buffers.ToDictionary(b => b.Key, b => b.Value.detach().clone());
}
