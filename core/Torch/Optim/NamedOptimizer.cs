using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>A parameter group whose parameters have names, as the optimisers of this namespace need.</summary>
public interface INamedGroup
{
    /// <summary>The names of the group's parameters, in their order.</summary>
    IReadOnlyList<string> Names { get; }
}

/// <summary>
/// An optimiser over named parameters. It is an ordinary TorchSharp optimiser (its groups work with TorchSharp's
/// schedulers, and what is set on a group holds from the next step on), with a state that can be saved by name.
/// </summary>
/// <remarks>
/// A parameter without a gradient is left alone in that step. The running tensors appear with a parameter's first
/// update, belong to no dispose scope, and live until the optimiser is disposed. Not safe for concurrent use.
/// </remarks>
public abstract class NamedOptimizer : OptimizerHelper
{
    private readonly List<(ParamGroup Group, ParameterState[] States)> _groups = [];
    private readonly Dictionary<string, ParameterState> _byName = [];
    private readonly Dictionary<nint, string> _nameByHandle = [];
    private readonly UpdateBatches _batches = new();

    private protected NamedOptimizer(OptimizerOptions defaults)
    {
        _defaults = defaults;
        _parameter_groups = [];
    }

    private protected void AddGroups(IEnumerable<ParamGroup> groups)
    {
        foreach (var group in groups)
            add_param_group(group);
        if (_groups.Count == 0)
            throw NoParameters("there is no parameter group");
    }

    /// <summary>The short name of the method, as in saved states: <c>sgd</c>, <c>adamw</c> or <c>muon</c>.</summary>
    public abstract string Algorithm { get; }

    /// <summary>The hyper-parameters of a group.</summary>
    private protected abstract IReadOnlyList<OptimizerOption> Options { get; }

    /// <summary>The names of the running tensors, as in saved states.</summary>
    private protected abstract IReadOnlyList<string> Slots { get; }

    /// <summary>How many of them, the first ones, a parameter has.</summary>
    private protected virtual int SlotsOf(Parameter parameter) => Slots.Count;

    /// <summary>Gives the group the optimiser's own value of whatever it leaves open.</summary>
    private protected abstract void Complete(ParamGroup group);

    /// <summary>A further rule that the values of a group must keep together; what is broken, or null.</summary>
    private protected virtual string? Contradiction(ParamGroup group) => null;

    /// <summary>Parameters with the same answer can share a call.</summary>
    private protected abstract long HistoryOf(ParamGroup group, ParameterState state);

    /// <summary>Updates a batch; gradients are laid out as the parameters are, gradient recording is off.</summary>
    private protected abstract void Update(ParamGroup group, UpdateBatch batch);

    /// <summary>Adds a group of named parameters; what its options leave open is taken from the optimiser.</summary>
    /// <param name="param_group">A group type of this optimiser that implements <see cref="INamedGroup"/>.</param>
    /// <exception cref="KdException"><c>KDP0750</c>: a hyper-parameter out of range. <c>KDP0751</c>: no parameters, a
    /// disposed one, or a parameter or name that the optimiser already has.</exception>
    public override void add_param_group(ParamGroup param_group)
    {
        if (param_group is not INamedGroup named)
            throw new KdException(
                OptimErrors.Parameter,
                $"The group added to {GetType().Name} has no parameter names.",
                $"Add one of this namespace's groups, made from module.named_parameters()."
            );
        if (param_group.Options?.GetType() != _defaults.GetType())
            throw new KdException(
                OptimErrors.Parameter,
                $"The group added to {GetType().Name} is a {param_group.GetType().Name}, of another optimiser."
            );
        Complete(param_group);
        param_group.InitialLearningRate = param_group.LearningRate;
        CheckOptions(param_group, _groups.Count);
        var states = param_group.Parameters.Zip(named.Names, (p, n) => new ParameterState(n, p, Slots.Count)).ToArray();
        Register(states);
        _groups.Add((param_group, states));
        _parameter_groups.Add(param_group);
    }

    /// <summary>Updates every parameter that has a gradient.</summary>
    /// <param name="closure">Computes and returns the loss anew, with gradients; optional.</param>
    /// <returns>The closure's loss, or null without a closure.</returns>
    /// <exception cref="KdException"><c>KDP0751</c>: a parameter was disposed, or has gaps in memory. <c>KDP0002</c>:
    /// libtorch refused the update.</exception>
    public override Tensor? step(Func<Tensor>? closure = null)
    {
        Tensor? loss = null;
        if (closure is not null)
            using (enable_grad())
                loss = closure();
        using var recordNothing = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (group, states) in _groups)
            UpdateGroup(group, states);
        return loss;
    }

    /// <summary>Removes all gradients, so that the next backward pass writes them instead of adding.</summary>
    public override void zero_grad()
    {
        foreach (var (_, states) in _groups)
        foreach (var state in states)
            state.Alive().grad = null;
    }

    /// <summary>A copy of the whole state: every group's hyper-parameters, and what is remembered of every parameter.</summary>
    /// <returns>The state; dispose it after use.</returns>
    public NamedState ExportState() => Transfer().Export();

    /// <summary>
    /// Takes over a saved state, hyper-parameters too. Training goes on from it bit for bit as it would have gone on
    /// from the optimiser that saved it.
    /// </summary>
    /// <param name="state">A state of the same method over the same parameters in the same groups. Its tensors are copied.</param>
    /// <exception cref="KdException"><c>KDP0650</c>: it does not fit; the message names every entry that is missing,
    /// unexpected, or of another shape or dtype. Nothing was changed.</exception>
    public void ImportState(NamedState state) => Transfer().Import(state);

    private StateTransfer Transfer() => new(Algorithm, _groups, Options, Slots, SlotsOf);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            foreach (var state in _byName.Values)
                state.Dispose();
        base.Dispose(disposing);
    }

    private void UpdateGroup(ParamGroup group, ParameterState[] states)
    {
        try
        {
            foreach (var state in states)
            {
                var parameter = state.Alive();
                if (parameter.grad is { } gradient)
                    _batches.Add(state, TensorLayout.Align(state.Name, parameter, gradient), HistoryOf(group, state));
            }
            for (var i = 0; i < _batches.Count; i++)
            {
                Update(group, _batches[i]);
                AutogradVersion.Bump(_batches[i].Parameters);
            }
        }
        finally
        {
            _batches.Clear();
        }
    }

    private void CheckOptions(ParamGroup group, int index)
    {
        var complaints = Options
            .Where(o => o != OptimizerOption.InitialLearningRate) // the same as lr here
            .Select(o => o.Complain(o.Get(group)))
            .Append(Contradiction(group));
        var text = string.Join("; ", complaints.Where(c => c is not null));
        if (text.Length > 0)
            throw new KdException(OptimErrors.Setting, $"{GetType().Name}, group {index}: {text}.");
    }

    private void Register(ParameterState[] states)
    {
        if (states.Length == 0)
            throw NoParameters($"group {_groups.Count} has no parameters");
        var names = new HashSet<string>(_byName.Keys);
        var handles = new Dictionary<nint, string>(_nameByHandle);
        foreach (var state in states)
        {
            var handle = state.Alive().Handle;
            if (handles.TryGetValue(handle, out var other))
                throw new KdException(
                    OptimErrors.Parameter,
                    $"Parameter '{state.Name}' is the same tensor as parameter '{other}'."
                );
            if (!names.Add(state.Name))
                throw new KdException(
                    OptimErrors.Parameter,
                    $"Two parameters are named '{state.Name}'.",
                    "Put a prefix in front of the names of each module."
                );
            handles.Add(handle, state.Name);
        }
        foreach (var state in states)
        {
            _byName.Add(state.Name, state);
            _nameByHandle.Add(state.Parameter.Handle, state.Name);
            _state[state.Parameter.Handle] = state;
        }
    }

    private KdException NoParameters(string what) =>
        new(
            OptimErrors.Parameter,
            $"{GetType().Name}: {what}.",
            "Check that the model registered its parameters and that they are not all filtered out."
        );
}
