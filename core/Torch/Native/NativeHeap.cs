using System.Runtime.InteropServices;

namespace KdPlugins.Torch.Native;

/// <summary>What native code of this process has allocated.</summary>
internal static class NativeHeap
{
    /// <summary>Bytes that were allocated and not freed, by glibc's <c>mallinfo2</c>; 0 where the C library has none.</summary>
    internal static long Bytes
    {
        get
        {
            try
            {
                var info = mallinfo2();
                return (long)(info.uordblks + info.hblkhd);
            }
            catch (EntryPointNotFoundException)
            {
                return 0;
            }
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MallInfo
    {
        public nuint arena;
        public nuint ordblks;
        public nuint smblks;
        public nuint hblks;
        public nuint hblkhd;
        public nuint usmblks;
        public nuint fsmblks;
        public nuint uordblks;
        public nuint fordblks;
        public nuint keepcost;
    }

    [DllImport("libc", ExactSpelling = true)]
    private static extern MallInfo mallinfo2();
}
