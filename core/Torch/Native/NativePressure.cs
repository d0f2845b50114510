namespace KdPlugins.Torch.Native;

/// <summary>
/// Lets the garbage collector feel what tensors weigh. A dropped tensor is a few dozen bytes to it, so it would wait
/// until gigabytes of them are gone; told of native memory as it grows, it finds them in time. A net under code that
/// opens no scope, not a replacement: see README.md for what it gains.
/// </summary>
internal static class NativePressure
{
    private const int PeriodMilliseconds = 20;
    private const long Grain = 16 << 20;
    private static readonly Lock Gate = new();
    private static Timer? _timer;
    private static long _told;
    private static int _holds;

    /// <summary>Says nothing until <see cref="Release"/>: what a scope holds cannot be collected, and telling of it would only make the collector busy.</summary>
    internal static void Hold() => Interlocked.Increment(ref _holds);

    internal static void Release() => Interlocked.Decrement(ref _holds);

    internal static void Start()
    {
        _told = NativeHeap.Bytes;
        if (_told > 0)
            _timer ??= new Timer(_ => Tell(), null, PeriodMilliseconds, PeriodMilliseconds);
    }

    private static void Tell()
    {
        if (Volatile.Read(ref _holds) > 0 || !Gate.TryEnter())
            return;
        try
        {
            var now = NativeHeap.Bytes;
            var grown = now - _told;
            if (Math.Abs(grown) < Grain)
                return;
            if (grown > 0)
                GC.AddMemoryPressure(grown);
            else
                GC.RemoveMemoryPressure(-grown);
            _told = now;
        }
        finally
        {
            Gate.Exit();
        }
    }
}
