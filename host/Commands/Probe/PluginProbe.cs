using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>Runs one plugin on given tensors.</summary>
internal abstract class PluginProbe(string who, ProbeInput input, ProbeSettings settings)
{
    /// <summary>Who is probed, such as <c>loss 'kd'</c>.</summary>
    protected string Who => who;

    protected ProbeInput Input => input;

    protected ProbeSettings Settings => settings;

    /// <summary>What is found.</summary>
    internal ProbeOutput Output { get; } = new();

    /// <summary>Its parameters and buffers, once it is prepared.</summary>
    protected ProbeModule Module { get; private set; } = new(null, input.DType, true);

    /// <summary>The names that plugins of this kind may be given, whatever their parameters are.</summary>
    protected abstract IEnumerable<string> KnownNames { get; }

    /// <summary>Binds or makes it; its parameters are there afterwards.</summary>
    internal void Prepare()
    {
        using var _ = RandomScope.Use(settings.Key.Derive("init").Value);
        Module = new(ProbeFault.Guard(who, () => "", Make), input.DType, !settings.IsEvaluation);
    }

    /// <summary>Runs it; refuses what it did not read.</summary>
    internal void Run()
    {
        Prepare();
        if (settings.Strict)
            Module.RequireGiven(input, who);
        Module.SetFrom(input);
        Module.WriteTo(Output);
        var before = Module.Buffers();
        using (RandomScope.Use(settings.Key.Derive("draws").Value))
            Compute();
        input.RequireAllRead(who, [.. KnownNames, .. Module.All.Select(p => p.Name)]);
        Module.WriteChanges(Output, before);
    }

    /// <summary>Parameters and buffers as input tensors.</summary>
    internal IEnumerable<ProbeTensor> State =>
        Module.All.Select(p => new ProbeTensor(
            p.Name,
            TensorText.Describe(p.Value),
            false,
            p.IsParameter ? "a parameter; default: drawn from the seed" : "a buffer; default: as the plugin makes it"
        ));

    /// <summary>The module, or null.</summary>
    protected abstract nn.Module? Make();

    /// <summary>Runs the plugin and adds what it gives.</summary>
    protected abstract void Compute();

    /// <summary>Tells what is not there, after a plugin stumbled over it.</summary>
    protected string NotGiven(params string[] names)
    {
        var absent = names.Where(n => input.Peek(n) is null).ToList();
        return absent.Count == 0 ? "" : $" {input.Origin} has no {string.Join(", no ", absent)}.";
    }

    /// <summary>Adds the gradients of a scalar; zero where it does not depend on a leaf.</summary>
    protected void AddGradients(Tensor scalar, IEnumerable<(string Name, Tensor Value)> leaves)
    {
        var all = leaves.ToList();
        if (all.Count == 0)
            return;
        // A module may hold a tensor under two names: one gradient, under both.
        var values = all.Select(l => l.Value).DistinctBy(v => v.Handle).ToList();
        var found = scalar.requires_grad
            ? Gradients.Of([scalar], [.. values], allowUnused: true)
            : new Tensor?[values.Count];
        var places = values.Select((v, i) => (v.Handle, i)).ToDictionary(p => p.Handle, p => p.i);
        foreach (var (name, value) in all)
            Output.Add($"grad.{name}", found[places[value.Handle]] ?? zeros_like(value));
    }

    /// <summary>The sum of the values, each times its cotangent.</summary>
    /// <exception cref="KdException"><c>KDP0806</c>: a cotangent of another shape.</exception>
    protected Tensor Pull(IEnumerable<(string Name, Tensor Value)> values) =>
        values
            .Select(v =>
            {
                var weight = input.Find($"cotangent.{v.Name}")!;
                return weight.shape.SequenceEqual(v.Value.shape)
                    ? v.Value.mul(weight).sum()
                    : throw ProbeFault.Input(
                        $"'cotangent.{v.Name}' is {TensorText.Describe(weight)}; {v.Name} is "
                            + $"{TensorText.Describe(v.Value)}."
                    );
            })
            .Aggregate((a, b) => a + b);
}
