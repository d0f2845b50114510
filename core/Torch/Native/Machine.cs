using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;

namespace KdPlugins.Torch.Native;

/// <summary>What a verdict depends on.</summary>
internal static class Machine
{
    private const int Sampled = 1 << 20;

    /// <summary>Processor and hypervisor, the libtorch, and the number of threads, in one line.</summary>
    /// <param name="libTorchCpu">The libtorch_cpu.so that is to be loaded.</param>
    internal static string Describe(string libTorchCpu)
    {
        var threads = Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is { Length: > 0 } asked
            ? asked
            : Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture);
        return $"{Processor()}; libtorch {LibTorch(libTorchCpu)}; {threads} threads";
    }

    /// <summary>Name, family, model, stepping, features and hypervisor of the processor.</summary>
    internal static string Processor()
    {
        if (!X86Base.IsSupported)
            return RuntimeInformation.ProcessArchitecture.ToString();
        var signature = (uint)X86Base.CpuId(1, 0).Eax;
        var family = (signature >> 8 & 0xf) + (signature >> 20 & 0xff);
        var model = (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
        var features = X86Base.CpuId(7, 0);
        var more = features.Eax > 0 ? X86Base.CpuId(7, 1).Eax : 0;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Name()}, family {family}, model {model}, stepping {signature & 0xf}, "
                + $"features {features.Ebx:x8}{features.Ecx:x8}{features.Edx:x8}{more:x8}{Hypervisor()}, "
                + $"kernel {Environment.OSVersion.Version}"
        );
    }

    private static string Name() =>
        (uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < 0x80000004
            ? "x86-64"
            : string.Concat(
                    Enumerable
                        .Range(0, 3)
                        .Select(i => X86Base.CpuId(unchecked((int)0x80000002) + i, 0))
                        .Select(r => Letters(r.Eax, r.Ebx, r.Ecx, r.Edx))
                )
                .Trim('\0', ' ');

    // Bit 31 of ecx in leaf 1 says that there is one, which then names itself in leaf 0x40000000.
    private static string Hypervisor()
    {
        if (X86Base.CpuId(1, 0).Ecx >= 0)
            return "";
        var said = X86Base.CpuId(0x40000000, 0);
        return $", under {Letters(said.Ebx, said.Ecx, said.Edx).Trim('\0', ' ')}";
    }

    private static string Letters(params int[] registers) =>
        Encoding.ASCII.GetString(MemoryMarshal.AsBytes<int>(registers));

    // Of its 460 MB both ends are enough: the linker writes sections, sizes and the build's own hash there.
    private static string LibTorch(string path)
    {
        using var file = File.OpenRead(path);
        var ends = new byte[2 * Sampled];
        var count = file.ReadAtLeast(ends.AsSpan(0, Sampled), Sampled, throwOnEndOfStream: false);
        file.Seek(-Math.Min(Sampled, file.Length), SeekOrigin.End);
        count += file.ReadAtLeast(
            ends.AsSpan(count),
            Math.Min(Sampled, ends.Length - count),
            throwOnEndOfStream: false
        );
        return $"{file.Length}-{Convert.ToHexStringLower(SHA256.HashData(ends.AsSpan(0, count)))[..16]}";
    }
}
