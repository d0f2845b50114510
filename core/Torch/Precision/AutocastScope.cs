using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>A stretch of one thread's work with autocast on or off; see <see cref="Autocast"/>.</summary>
public sealed class AutocastScope : IDisposable
{
    [ThreadStatic]
    private static AutocastScope? _innermost;

    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly (DeviceType Device, bool Enabled, ScalarType Dtype)[] _before;
    private readonly AutocastScope? _outer;
    private bool _disposed;

    internal AutocastScope(ReadOnlySpan<DeviceType> devices, bool enabled)
    {
        _before = new (DeviceType, bool, ScalarType)[devices.Length];
        for (var i = 0; i < devices.Length; i++)
            _before[i] = (devices[i], AutocastState.IsEnabled(devices[i]), AutocastState.GetDtype(devices[i]));
        AutocastState.Enter();
        foreach (var device in devices)
        {
            AutocastState.SetEnabled(device, enabled);
            if (enabled)
                AutocastState.SetDtype(device, ScalarType.BFloat16);
        }
        (_outer, _innermost) = (_innermost, this);
    }

    /// <summary>Restores the state before the scope. A second call does nothing.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0007</c>: this is not the thread that opened the scope, or a scope inside it is still open.
    /// </exception>
    public void Dispose()
    {
        if (_disposed)
            return;
        var thread = Environment.CurrentManagedThreadId;
        if (thread != _thread)
            throw new KdException(
                TorchErrors.AutocastMisused,
                $"An autocast scope was opened on thread {_thread} and closed on thread {thread}, "
                    + $"so that autocast stays on for thread {_thread}."
            );
        if (_innermost != this)
            throw new KdException(
                TorchErrors.AutocastMisused,
                "An autocast scope was closed before a scope that was opened inside it."
            );
        _disposed = true;
        _innermost = _outer;
        foreach (var (device, enabled, dtype) in _before)
        {
            AutocastState.SetEnabled(device, enabled);
            AutocastState.SetDtype(device, dtype);
        }
        AutocastState.Leave();
    }
}
