using KdPlugins.Torch.Stable;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>Whether a tensor still holds what it held: libtorch counts how often each was changed in place.</summary>
public static class TensorVersion
{
    private static readonly StableOperator Version = new("aten::_version");

    /// <summary>How often the tensor, or one that shares its memory, has been changed in place.</summary>
    /// <exception cref="KdException"><c>KDP0002</c>: libtorch does not count it.</exception>
    public static long Of(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var call = new StableCall(Version, stackalloc ulong[1]);
        call.Push(tensor);
        call.Invoke();
        return call.TakeInteger(0);
    }

    /// <summary>
    /// A number for the present parameters and buffers of a module: another one after any of them was changed in place or
    /// replaced.
    /// </summary>
    public static long Of(nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        var hash = 17L;
        foreach (var tensor in module.parameters().Concat<Tensor>(module.buffers()))
            hash = unchecked((hash * 31 + tensor.Handle) * 31 + Of(tensor));
        return hash;
    }
}
