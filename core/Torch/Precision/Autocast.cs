using System.Runtime.Intrinsics.X86;
using KdPlugins.Torch.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Automatic mixed precision. Inside a scope, convolutions and matrix products run in bfloat16, what needs range or
/// exact sums (losses, norms of vectors, exponentials) in float32; parameters, their gradients and optimiser state
/// remain float32.
/// </summary>
/// <remarks>
/// A scope belongs to the thread that opened it and to no other; scopes nest. Open it around the forward pass and the
/// loss, and leave it before <c>backward()</c>. Never hold one across an <c>await</c>.
/// <code>
/// using (Autocast.BFloat16(CPU))
///     loss = criterion.call(net.call(x), y);
/// loss.backward();
/// </code>
/// </remarks>
public static class Autocast
{
    private static readonly DeviceType[] Supported = [DeviceType.CPU, DeviceType.CUDA];

    /// <summary>Opens a scope in which the device type's operators run in bfloat16 where that is safe.</summary>
    /// <param name="device">Only its type counts: CPU or CUDA.</param>
    /// <returns>The scope; disposing it restores what was before.</returns>
    /// <exception cref="KdException"><c>KDP0004</c>: another device type. <c>KDP0003</c>: this libtorch lacks the switch.</exception>
    public static AutocastScope BFloat16(Device device)
    {
        if (!Supported.Contains(device.type))
            throw new KdException(
                TorchErrors.BadArgument,
                $"Autocast serves devices of type CPU and CUDA, got '{device}'.",
                "Train without autocast on this device."
            );
        return new AutocastScope([device.type], enabled: true);
    }

    /// <summary>Opens a scope without autocast for any device, inside a scope with it: for what must stay float32.</summary>
    /// <remarks>Tensors made outside may be bfloat16: convert them.</remarks>
    /// <returns>The scope; disposing it restores what was before.</returns>
    public static AutocastScope Disabled() => new(Supported, enabled: false);

    /// <summary>
    /// Whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX) and libtorch may use that. Where it does not,
    /// autocast on the CPU works, but is several times slower than float32. Starts libtorch.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0001</c>: there is no usable libtorch.</exception>
    public static bool IsNativeOnCpu => HasBFloat16 && OneDnnInstructions.AllowBFloat16;

    private static bool HasBFloat16 { get; } = CpuHasBFloat16();

    /// <summary>Whether autocast is on for this device type on this thread.</summary>
    public static bool IsEnabled(Device device) =>
        Supported.Contains(device.type) && AutocastState.IsEnabled(device.type);

    // CPUID leaf 7: subleaf 1 has AVX512-BF16 in bit 5 of eax, subleaf 0 AMX-BF16 in bit 22 of edx.
    private static bool CpuHasBFloat16()
    {
        if (!X86Base.IsSupported || !Avx512F.IsSupported)
            return false;
        var last = X86Base.CpuId(7, 0).Eax;
        var amx = (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0;
        return amx || (last >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0);
    }
}
