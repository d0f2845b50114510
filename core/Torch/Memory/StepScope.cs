using KdPlugins.Torch.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// The memory of one step: every tensor that this thread makes inside dies at its end, unless it is kept. Whoever writes
/// the code inside need not dispose anything.
/// </summary>
/// <remarks>
/// Parameters, gradients, buffers and optimiser states live on: TorchSharp keeps them out of scopes. A scope belongs to
/// the thread that opened it. Do not <c>await</c> inside: what runs after it may run on another thread, whose tensors
/// the scope does not see; closing the scope there is refused with <c>KDP0006</c>.
/// </remarks>
public sealed class StepScope : IDisposable
{
    [ThreadStatic]
    private static StepScope? _innermost;

    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly StepScope? _outer;
    private readonly DisposeScope _scope;
    private volatile bool _abandoned;
    private bool _disposed;

    private StepScope()
    {
        _outer = _innermost;
        _scope = NewDisposeScope();
        if (TensorOrigins.Enabled)
            TensorOrigins.Watch(_scope);
        _innermost = this;
        NativePressure.Hold();
    }

    /// <summary>TorchSharp's scope behind this one, to attach to it what was made elsewhere; not to be disposed.</summary>
    public DisposeScope Scope => _scope;

    /// <summary>How many tensors the scope holds now.</summary>
    public int Count => _disposed ? 0 : _scope.DisposablesCount;

    /// <summary>
    /// What was made inside and was not disposed at the end, with the place where it was made; empty before the end and
    /// where <see cref="TensorOrigins.Enabled"/> was off.
    /// </summary>
    public IReadOnlyList<TensorOrigin> Survivors { get; private set; } = [];

    /// <summary>Opens a scope; <c>using</c> (in F#: <c>use</c>) closes it.</summary>
    public static StepScope Begin()
    {
        NativeRuntime.Start();
        // What another thread tried to close can be closed here, where it was opened.
        while (_innermost is { _abandoned: true } abandoned)
            abandoned.Close();
        return new();
    }

    /// <summary>Runs a function in a scope of its own and keeps its result.</summary>
    /// <param name="step">Makes any number of tensors and returns one.</param>
    /// <returns>The tensor, which belongs to the enclosing scope where there is one.</returns>
    public static Tensor Run(Func<Tensor> step)
    {
        using var scope = Begin();
        return scope.Keep(step());
    }

    /// <summary>Lets a tensor outlive this scope: it then belongs to the enclosing scope, or to nobody where there is none.</summary>
    /// <param name="tensor">Any tensor; one that was not made inside stays as it is.</param>
    /// <returns>The same tensor.</returns>
    public T Keep<T>(T tensor)
        where T : Tensor
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!ScopeAccess.IsWithin(tensor, _scope))
            return tensor;
        _scope.Attach(tensor); // from a scope inside this one
        _scope.MoveToOuter(tensor);
        return tensor;
    }

    /// <summary>Lets a tensor outlive every scope, such as a running average; whoever holds it disposes it.</summary>
    /// <param name="tensor">Any tensor.</param>
    /// <returns>The same tensor.</returns>
    public T KeepAlways<T>(T tensor)
        where T : Tensor
    {
        tensor.DetachFromDisposeScope();
        return tensor;
    }

    /// <summary>Disposes what was made inside and not kept, also what scopes hold that were left open inside.</summary>
    /// <exception cref="KdException"><c>KDP0006</c>: this is not the thread that opened the scope.</exception>
    public void Dispose()
    {
        if (_disposed)
            return;
        var thread = Environment.CurrentManagedThreadId;
        if (thread != _thread)
        {
            _abandoned = true;
            throw new KdException(
                TorchErrors.StepScopeMisused,
                $"A step scope was opened on thread {_thread} and closed on thread {thread}; tensors made on thread {thread} were not in it."
            );
        }
        while (_innermost is { } inner && inner != this)
            inner.Close();
        Close();
    }

    private void Close()
    {
        _disposed = true;
        _innermost = _outer;
        NativePressure.Release();
        // A scope left open inside would take every later tensor of this thread and never let go.
        if (ScopeAccess.IsOpen(_scope))
            while (ScopeAccess.Current is { } current && current != _scope)
                current.Dispose();
        _scope.Dispose();
        if (TensorOrigins.Enabled)
            Survivors = TensorOrigins.AliveOf(_scope);
    }
}
