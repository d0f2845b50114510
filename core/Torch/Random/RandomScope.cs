using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// A block in which libtorch's default generators (CPU, and every CUDA device) start at a given seed; afterwards they
/// stand where they stood before. So <c>dropout</c>, <c>rand</c> and initialisers draw the same numbers wherever the
/// block stands, and a block inside a block does not disturb the outer one.
/// </summary>
/// <remarks>
/// The default generators belong to the whole process: two threads cannot have scopes at once (<c>KDP0005</c>). For
/// work beside the training thread use <see cref="RandomGenerators.New"/> or <see cref="SeededRandom"/>.
/// </remarks>
public sealed class RandomScope : IDisposable
{
    private static readonly Lock Gate = new();
    private static RandomScope? _innermost;

    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly RandomScope? _outer;
    private readonly List<(Generator Generator, Tensor State)> _before = [];
    private bool _disposed;

    private RandomScope(ulong seed, RandomScope? outer)
    {
        _outer = outer;
        foreach (var generator in RandomGenerators.Defaults())
        {
            // The state lives as long as this block, whatever dispose scope is open here.
            _before.Add((generator, generator.get_state().DetachFromDisposeScope()));
            generator.manual_seed(unchecked((long)seed));
        }
    }

    /// <summary>Starts the default generators at a seed until the result is disposed.</summary>
    /// <param name="seed">Any seed, such as <c>Seed.Derive(run, "stage", 1, "step", 200, "dropout")</c>.</param>
    /// <exception cref="KdException"><c>KDP0005</c>: another thread has such a block open.</exception>
    public static RandomScope Use(ulong seed)
    {
        NativeRuntime.Start();
        lock (Gate)
        {
            var outer = _innermost;
            if (outer is not null && outer._thread != Environment.CurrentManagedThreadId)
                throw new KdException(
                    TorchErrors.RandomScopeMisused,
                    $"Thread {Environment.CurrentManagedThreadId} opens a random scope while thread {outer._thread} has one open."
                );
            return _innermost = new(seed, outer);
        }
    }

    /// <summary>Puts the generators back to where they stood. A second call does nothing.</summary>
    /// <exception cref="KdException"><c>KDP0005</c>: a block inside this one is still open.</exception>
    public void Dispose()
    {
        lock (Gate)
        {
            if (_disposed)
                return;
            if (_innermost != this)
                throw new KdException(
                    TorchErrors.RandomScopeMisused,
                    "A random scope was closed before a scope that was opened inside it."
                );
            _disposed = true;
            _innermost = _outer;
            foreach (var (generator, state) in _before)
            {
                generator.set_state(state);
                state.Dispose();
                if (generator.device.type == TorchSharp.DeviceType.CPU)
                    generator.Dispose();
            }
        }
    }
}
