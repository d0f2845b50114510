using KdPlugins.Torch.Native;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>What tensors take, for metrics and for tests that look for leaks.</summary>
public static class LiveTensors
{
    /// <summary>
    /// Tensors of the whole process that are neither disposed nor finalised. Watch its changes: TorchSharp counts every
    /// parameter that is made once too often, for ever.
    /// </summary>
    public static long Count => Tensor.TotalCount;

    /// <summary>
    /// Bytes that native code of this process has allocated and not freed (glibc's <c>mallinfo2</c>): CPU tensors, and
    /// the little beside them. 0 where the system's C library cannot tell.
    /// </summary>
    public static long NativeBytes => NativeHeap.Bytes;

    /// <summary>Bytes of this process that are in memory (<c>/proc/self/statm</c>).</summary>
    public static long ResidentBytes =>
        long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Environment.SystemPageSize;
}
