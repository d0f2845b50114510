using KdPlugins.Torch.Stable;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// Fused steps walk the memory of parameter, gradient and state side by side, without a look at the strides: all of
/// them must lie in memory as the parameter does, or the wrong elements meet silently.
/// </summary>
internal static unsafe class TensorLayout
{
    /// <summary>The tensor itself where it lies in memory as the parameter does, else a copy that does.</summary>
    /// <param name="name">The parameter's name, for the message.</param>
    /// <param name="parameter">The model for strides and dtype.</param>
    /// <param name="tensor">A tensor of the parameter's shape.</param>
    /// <exception cref="KdException"><c>KDP0751</c>: the parameter has gaps or overlaps in memory.</exception>
    internal static Tensor Align(string name, Tensor parameter, Tensor tensor)
    {
        if (Same(parameter, tensor))
            return tensor;
        var copy = Fitting(name, parameter, empty_like(parameter, requires_grad: false));
        copy.copy_(tensor);
        return copy;
    }

    /// <summary>Zeros with the parameter's shape, dtype, device and strides, in no dispose scope.</summary>
    internal static Tensor ZerosLike(string name, Tensor parameter) =>
        Fitting(name, parameter, zeros_like(parameter, requires_grad: false)).DetachFromDisposeScope();

    private static Tensor Fitting(string name, Tensor parameter, Tensor made)
    {
        if (Same(parameter, made))
            return made;
        made.Dispose();
        throw new KdException(
            OptimErrors.Parameter,
            $"Parameter '{name}' ({TensorText.Describe(parameter)}, strides {TensorText.Shape(parameter.stride())}) is "
                + "a view with gaps or overlaps in memory.",
            "Give a parameter of its own memory, such as parameter.contiguous()."
        );
    }

    // A dimension of size one has no meaningful stride.
    private static bool Same(Tensor a, Tensor b)
    {
        long dimensions;
        long* sizes;
        long* strides;
        long* others;
        StableAbi.Check(StableAbi.GetDim(a.Handle, &dimensions), "get_dim");
        StableAbi.Check(StableAbi.GetSizes(a.Handle, &sizes), "get_sizes");
        StableAbi.Check(StableAbi.GetStrides(a.Handle, &strides), "get_strides");
        StableAbi.Check(StableAbi.GetStrides(b.Handle, &others), "get_strides");
        for (var i = 0; i < dimensions; i++)
            if (sizes[i] > 1 && strides[i] != others[i])
                return false;
        GC.KeepAlive(a);
        GC.KeepAlive(b);
        return true;
    }
}
