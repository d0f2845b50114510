using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// What an optimiser remembers of one parameter: the number of updates, and the running tensors. These come into being
/// with the first update (so <c>Step &gt; 0</c> means that they exist), are in no dispose scope, and lie in memory as
/// the parameter does.
/// </summary>
internal sealed class ParameterState(string name, Parameter parameter, int slots)
    : OptimizerState(parameter),
        IDisposable
{
    private readonly Tensor?[] _tensors = new Tensor?[slots];

    internal string Name => name;

    internal Parameter Parameter => _parameter;

    /// <summary>Updates so far.</summary>
    internal long Step { get; set; }

    internal Tensor? this[int slot] => _tensors[slot];

    /// <summary>The parameter, if it is still there.</summary>
    /// <exception cref="KdException"><c>KDP0751</c>: it was disposed.</exception>
    internal Parameter Alive() =>
        !_parameter.IsInvalid
            ? _parameter
            : throw new KdException(
                OptimErrors.Parameter,
                $"Parameter '{name}' was disposed while its optimiser still has it.",
                "Make the optimiser after the model is in its final place, and dispose the model last."
            );

    /// <summary>The running tensor, made of zeros where there is none, laid out anew where the parameter was.</summary>
    internal Tensor Ensure(int slot)
    {
        var existing = _tensors[slot];
        if (existing is null)
            return _tensors[slot] = TensorLayout.ZerosLike(name, _parameter);
        var aligned = TensorLayout.Align(name, _parameter, existing);
        if (!ReferenceEquals(aligned, existing))
            Put(slot, aligned);
        return aligned;
    }

    /// <summary>Sets the running tensor to a copy with the parameter's device and layout.</summary>
    internal void Set(int slot, Tensor? value)
    {
        if (value is null)
        {
            Put(slot, null);
            return;
        }
        using var scope = NewDisposeScope(); // an operator in place returns a further handle
        using var recordNothing = no_grad();
        var copy = TensorLayout.ZerosLike(name, _parameter);
        copy.copy_(value);
        Put(slot, copy);
    }

    private void Put(int slot, Tensor? value)
    {
        _tensors[slot]?.Dispose();
        _tensors[slot] = value?.DetachFromDisposeScope();
    }

    public void Dispose()
    {
        for (var i = 0; i < _tensors.Length; i++)
            Put(i, null);
    }

    public override void Initialize(OptimizerOptions options)
    {
        Step = 0;
        Dispose();
    }

    public override void to(Device device)
    {
        for (var i = 0; i < _tensors.Length; i++)
            if (_tensors[i] is { } tensor && tensor.device != device)
                Put(i, tensor.to(device));
    }

    public override void SaveStateDict(BinaryWriter writer)
    {
        writer.Write(Step);
        foreach (var tensor in _tensors)
            SaveConditionalStateTensor(writer, tensor);
    }

    public override void LoadStateDict(BinaryReader reader)
    {
        Step = reader.ReadInt64();
        for (var i = 0; i < _tensors.Length; i++)
        {
            Tensor? loaded = null;
            LoadConditionalStateTensor(reader, ref loaded!, _parameter.device);
            Set(i, loaded);
            loaded?.Dispose();
        }
    }

    public override void LoadStateDict(OptimizerState source)
    {
        var other = (ParameterState)source;
        Step = other.Step;
        for (var i = 0; i < _tensors.Length; i++)
            Set(i, other[i]);
    }

    public override bool ApproximatelyEquals(OptimizerState other)
    {
        if (other is not ParameterState state || state.Step != Step || state._tensors.Length != _tensors.Length)
            return false;
        return _tensors
            .Zip(state._tensors)
            .All(p => p.First is null ? p.Second is null : p.Second is not null && p.First.allclose(p.Second));
    }
}
