using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace KdPlugins.Torch.Native;

/// <summary>
/// Which vector instructions oneDNN, libtorch's library of CPU kernels, may use. Its AVX-512 kernels of libtorch 2.10 are
/// wrong on AMD's processors that have AVX-512 (seen on EPYC, family 26): a quarter of the 1x1 convolutions in
/// channels_last, by up to a third of the largest value, and the backward pass of some ends the process. Those of AVX2 are
/// right.
/// </summary>
internal static class OneDnnInstructions
{
    /// <summary>What the user sets to decide alone; <c>DEFAULT</c> takes everything the processor has.</summary>
    internal const string Variable = "ONEDNN_MAX_CPU_ISA";

    private const string OlderName = "DNNL_MAX_CPU_ISA";
    private const string Avx2 = "AVX2";

    private static readonly string[] WithoutBFloat16 =
    [
        "SSE41",
        "AVX",
        Avx2,
        "AVX2_VNNI",
        "AVX512_CORE",
        "AVX512_CORE_VNNI",
    ];

    /// <summary>The limit that holds in this process; null for none.</summary>
    internal static string? Limit { get; } =
        Environment.GetEnvironmentVariable(Variable)
        ?? Environment.GetEnvironmentVariable(OlderName)
        ?? (IsAffected(Vendor(), Avx512F.IsSupported) ? Avx2 : null);

    /// <summary>Whether the limit lets oneDNN compute in bfloat16.</summary>
    internal static bool AllowBFloat16 => !WithoutBFloat16.Contains(Limit?.ToUpperInvariant());

    /// <summary>
    /// Says the limit to oneDNN. It has to run before oneDNN computes anything, which reads the variable once.
    /// </summary>
    internal static void Announce()
    {
        if (Limit is { } limit)
            NativeEnvironment.SetDefault(Variable, limit);
    }

    /// <summary>Whether the AVX-512 kernels are known to be wrong on this processor.</summary>
    internal static bool IsAffected(string vendor, bool hasAvx512) => hasAvx512 && vendor == "AuthenticAMD";

    // CPUID leaf 0: twelve letters in ebx, edx, ecx.
    private static string Vendor()
    {
        if (!X86Base.IsSupported)
            return "";
        var (_, b, c, d) = X86Base.CpuId(0, 0);
        return Encoding.ASCII.GetString(MemoryMarshal.AsBytes<int>([b, d, c]));
    }
}
