using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using KdPlugins.Torch.Native;
using KdPlugins.Torch.Stable;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>libtorch's random generators: new ones of one's own, and the default one of each device.</summary>
public static unsafe class RandomGenerators
{
    /// <summary>
    /// A generator of one's own: whatever draws with it neither disturbs nor is disturbed by anything else. TorchSharp's
    /// constructor makes a generator of the CPU whatever device it is given; this one makes it for the device.
    /// </summary>
    /// <param name="seed">Any seed. The CPU's generator looks at its lower 32 bits only.</param>
    /// <param name="device">Where the numbers are drawn; the CPU where null.</param>
    /// <returns>The generator, which the caller disposes.</returns>
    /// <exception cref="KdException"><c>KDP0003</c>: the libtorch in use has no generator for the device.</exception>
    public static Generator New(ulong seed, Device? device = null)
    {
        NativeRuntime.Start();
        if (device is null || device.type == DeviceType.CPU)
            return new Generator(seed);
        if (device.type != DeviceType.CUDA)
            throw new KdException(TorchErrors.BadArgument, $"A random generator for {device}; expected cpu or cuda.");
        // The C++ function returns an object of one word into memory that TorchSharp later deletes.
        var create = (delegate* unmanaged<nint*, sbyte, nint*>)MangledSymbols.CreateCudaGenerator.Address;
        var cell = (nint*)NativeMemory.AllocZeroed((nuint)sizeof(nint));
        create(cell, (sbyte)device.index);
        var generator = NewGenerator((nint)cell);
        SetDevice(generator, device);
        return generator.manual_seed(unchecked((long)seed));
    }

    /// <summary>The default generator of every device that computes; borrowed, never to be disposed by its finaliser.</summary>
    internal static IEnumerable<Generator> Defaults()
    {
        yield return Generator.Default;
        if (NativeRuntime.Start().CudaAvailable)
            for (var i = 0; i < cuda.device_count(); i++)
                yield return DefaultOfCuda(i);
    }

    private static Generator DefaultOfCuda(int index)
    {
        var find = (delegate* unmanaged<sbyte, nint>)MangledSymbols.DefaultCudaGenerator.Address;
        var generator = NewGenerator(find((sbyte)index));
        GC.SuppressFinalize(generator); // libtorch owns it
        SetDevice(generator, new Device(DeviceType.CUDA, index));
        return generator;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern Generator NewGenerator(nint handle);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_device")]
    private static extern void SetDevice(Generator generator, Device device);
}
