using System.Runtime.InteropServices;
using KdPlugins.Torch.Native;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Stable;

/// <summary>The functions of libtorch's stable C ABI that are used, as pointers. Every call answers 0 or an error.</summary>
internal static unsafe class StableAbi
{
    internal static readonly delegate* unmanaged<byte*, byte*, ulong*, ulong, int> CallDispatcher;
    internal static readonly delegate* unmanaged<nint, nint*, int> NewTensorHandle;
    internal static readonly delegate* unmanaged<nint, int> DeleteTensor;
    internal static readonly delegate* unmanaged<nint, byte*, int> IsDefined;
    internal static readonly delegate* unmanaged<nint, long*, int> GetDim;
    internal static readonly delegate* unmanaged<nint, long**, int> GetSizes;
    internal static readonly delegate* unmanaged<nint, long**, int> GetStrides;
    internal static readonly delegate* unmanaged<byte*, nuint, nint*, int> NewString;
    internal static readonly delegate* unmanaged<nuint, nint*, int> NewList;
    internal static readonly delegate* unmanaged<nint, ulong, int> PushBack;
    internal static readonly delegate* unmanaged<nint, nuint*, int> ListSize;
    internal static readonly delegate* unmanaged<nint, nuint, ulong*, int> GetItem;
    internal static readonly delegate* unmanaged<nint, int> DeleteList;

    static StableAbi()
    {
        var library = NativeLibrary.Load(Path.Combine(NativeRuntime.Start().LibTorchFolder, "libtorch_cpu.so"));
        nint Export(string name) =>
            NativeLibrary.TryGetExport(library, name, out var address)
                ? address
                : throw new KdException(
                    TorchErrors.NativeSymbolMissing,
                    $"libtorch_cpu.so has no {name}: operators beyond TorchSharp's cannot be called."
                );
        CallDispatcher = (delegate* unmanaged<byte*, byte*, ulong*, ulong, int>)Export("torch_call_dispatcher");
        NewTensorHandle = (delegate* unmanaged<nint, nint*, int>)Export("aoti_torch_new_tensor_handle");
        DeleteTensor = (delegate* unmanaged<nint, int>)Export("aoti_torch_delete_tensor_object");
        IsDefined = (delegate* unmanaged<nint, byte*, int>)Export("aoti_torch_is_defined");
        GetDim = (delegate* unmanaged<nint, long*, int>)Export("aoti_torch_get_dim");
        GetSizes = (delegate* unmanaged<nint, long**, int>)Export("aoti_torch_get_sizes");
        GetStrides = (delegate* unmanaged<nint, long**, int>)Export("aoti_torch_get_strides");
        NewString = (delegate* unmanaged<byte*, nuint, nint*, int>)Export("torch_new_string_handle");
        NewList = (delegate* unmanaged<nuint, nint*, int>)Export("torch_new_list_reserve_size");
        PushBack = (delegate* unmanaged<nint, ulong, int>)Export("torch_list_push_back");
        ListSize = (delegate* unmanaged<nint, nuint*, int>)Export("torch_list_size");
        GetItem = (delegate* unmanaged<nint, nuint, ulong*, int>)Export("torch_list_get_item");
        DeleteList = (delegate* unmanaged<nint, int>)Export("torch_delete_list");
    }

    /// <summary>A new owning handle to the tensor; the call that gets it consumes it.</summary>
    internal static ulong Own(Tensor tensor)
    {
        nint handle;
        Check(NewTensorHandle(tensor.Handle, &handle), "new_tensor_handle");
        GC.KeepAlive(tensor);
        return (ulong)handle;
    }

    internal static void Check(int code, string function)
    {
        if (code != 0)
            throw new KdException(TorchErrors.NativeCall, $"{function} failed: {ErrorText.Take()}");
    }
}
