using KdPlugins.Torch.Native;
using KdPlugins.Torch.Stable;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>libtorch's thread-local autocast switches. TorchSharp has none, and no stable interface offers them.</summary>
internal static unsafe class AutocastState
{
    internal static bool IsEnabled(DeviceType device) =>
        ((delegate* unmanaged<sbyte, byte>)MangledSymbols.IsAutocastEnabled.Address)((sbyte)device) != 0;

    internal static void SetEnabled(DeviceType device, bool enabled) =>
        ((delegate* unmanaged<sbyte, byte, void>)MangledSymbols.SetAutocastEnabled.Address)(
            (sbyte)device,
            (byte)(enabled ? 1 : 0)
        );

    internal static ScalarType GetDtype(DeviceType device) =>
        (ScalarType)((delegate* unmanaged<sbyte, sbyte>)MangledSymbols.GetAutocastDtype.Address)((sbyte)device);

    internal static void SetDtype(DeviceType device, ScalarType dtype) =>
        ((delegate* unmanaged<sbyte, sbyte, void>)MangledSymbols.SetAutocastDtype.Address)((sbyte)device, (sbyte)dtype);

    internal static void Enter() => ((delegate* unmanaged<int>)MangledSymbols.IncrementNesting.Address)();

    /// <summary>Leaving the outermost scope drops the cache of cast weights: they may change before the next.</summary>
    internal static void Leave()
    {
        if (((delegate* unmanaged<int>)MangledSymbols.DecrementNesting.Address)() == 0)
            ((delegate* unmanaged<void>)MangledSymbols.ClearAutocastCache.Address)();
    }
}
