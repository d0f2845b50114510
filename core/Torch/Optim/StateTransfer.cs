using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>What the transfer needs to know of an optimiser.</summary>
/// <param name="Algorithm">The method's name.</param>
/// <param name="Groups">Groups, and the states of their parameters.</param>
/// <param name="Options">The hyper-parameters of a group.</param>
/// <param name="Slots">The names of the running tensors.</param>
/// <param name="SlotsOf">How many of them, the first ones, a parameter has.</param>
internal sealed record StateTransfer(
    string Algorithm,
    IReadOnlyList<(ParamGroup Group, ParameterState[] States)> Groups,
    IReadOnlyList<OptimizerOption> Options,
    IReadOnlyList<string> Slots,
    Func<Parameter, int> SlotsOf
)
{
    private const int MaxComplaints = 8;

    internal NamedState Export()
    {
        using var recordNothing = no_grad();
        var tensors = new Dictionary<string, Tensor>();
        var groups = new List<NamedGroupState>();
        foreach (var (group, states) in Groups)
        {
            var options = Options.ToDictionary(o => o.Name, o => o.Get(group));
            groups.Add(new NamedGroupState([.. states.Select(s => s.Name)], options));
            foreach (var state in states)
            {
                tensors[StepKey(state)] = tensor(state.Step, ScalarType.Int64).DetachFromDisposeScope();
                for (var slot = 0; slot < Slots.Count; slot++)
                    if (state[slot] is { } running)
                        tensors[Key(state, slot)] = running.clone().DetachFromDisposeScope();
            }
        }
        return NamedState.Own(Algorithm, groups, tensors);
    }

    /// <summary>Checks everything first, then takes it over: a state that does not fit changes nothing.</summary>
    internal void Import(NamedState saved)
    {
        var complaints = new List<string>();
        if (saved.Algorithm != Algorithm)
            complaints.Add($"it was saved by '{saved.Algorithm}', expected '{Algorithm}'");
        else if (saved.Groups.Count != Groups.Count)
            complaints.Add($"it has {saved.Groups.Count} groups, expected {Groups.Count}");
        else
            complaints.AddRange(Complaints(saved));
        if (complaints.Count > 0)
        {
            var shown = string.Join("; ", complaints.Take(MaxComplaints));
            var more = complaints.Count > MaxComplaints ? $"; and {complaints.Count - MaxComplaints} more" : "";
            throw new KdException(OptimErrors.State, $"The optimiser state does not fit: {shown}{more}.");
        }
        foreach (var ((group, states), from) in Groups.Zip(saved.Groups))
        {
            foreach (var option in Options)
                option.Set(group, from.Options[option.Name]);
            foreach (var state in states)
            {
                state.Step = saved.Tensors[StepKey(state)].ToInt64();
                for (var slot = 0; slot < Slots.Count; slot++)
                    state.Set(slot, saved.Tensors.GetValueOrDefault(Key(state, slot)));
            }
        }
    }

    private IEnumerable<string> Complaints(NamedState saved)
    {
        var expected = new HashSet<string> { NamedState.DescriptionKey };
        var complaints = new List<string>();
        for (var i = 0; i < Groups.Count; i++)
        {
            var (_, states) = Groups[i];
            var from = saved.Groups[i];
            var own = states.Select(s => s.Name).ToArray();
            complaints.AddRange(own.Except(from.Parameters).Select(n => $"parameter '{n}' is missing in group {i}"));
            complaints.AddRange(from.Parameters.Except(own).Select(n => $"parameter '{n}' is unexpected in group {i}"));
            complaints.AddRange(OptionComplaints(from, i));
            if (complaints.Count > 0)
                continue;
            foreach (var state in states)
                complaints.AddRange(ParameterComplaints(saved, state, expected));
        }
        if (complaints.Count == 0)
            complaints.AddRange(saved.Tensors.Keys.Except(expected).Select(k => $"entry '{k}' is unexpected"));
        return complaints;
    }

    private IEnumerable<string> OptionComplaints(NamedGroupState from, int group)
    {
        foreach (var option in Options)
            if (!from.Options.TryGetValue(option.Name, out var value))
                yield return $"group {group} has no {option.Name}";
            else if (option.Complain(value) is { } complaint)
                yield return $"in group {group} {complaint}";
        foreach (var name in from.Options.Keys.Except(Options.Select(o => o.Name)))
            yield return $"group {group} has an unexpected {name}";
    }

    private IEnumerable<string> ParameterComplaints(NamedState saved, ParameterState state, HashSet<string> expected)
    {
        var key = StepKey(state);
        expected.Add(key);
        if (!saved.Tensors.TryGetValue(key, out var step))
        {
            yield return $"entry '{key}' is missing";
            yield break;
        }
        if (step.dtype != ScalarType.Int64 || step.dim() != 0 || step.ToInt64() < 0)
        {
            yield return $"entry '{key}' is {TensorText.Describe(step)}, expected a count, Int64[]";
            yield break;
        }
        if (step.ToInt64() == 0)
            yield break;
        for (var slot = 0; slot < SlotsOf(state.Parameter); slot++)
        {
            var entry = Key(state, slot);
            expected.Add(entry);
            if (!saved.Tensors.TryGetValue(entry, out var running))
                yield return $"entry '{entry}' is missing";
            else if (running.dtype != state.Alive().dtype || !running.shape.SequenceEqual(state.Parameter.shape))
                yield return $"entry '{entry}' is {TensorText.Describe(running)}, expected "
                    + $"{TensorText.Describe(state.Parameter)}";
        }
    }

    private static string StepKey(ParameterState state) => $"{state.Name}.step";

    private string Key(ParameterState state, int slot) => $"{state.Name}.{Slots[slot]}";
}
