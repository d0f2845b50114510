using KdPlugins.Torch.Stable;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Functions of TorchSharp that end the whole process on a user's mistake, since its native half catches nothing there;
/// the same functions, by another way, with an error that names operator, shapes, dtypes and libtorch's reason.
/// Called as in TorchSharp. README.md lists what else to keep away from.
/// </summary>
public static class TorchOps
{
    private static readonly StableOperator Matmul = new("aten::matmul");
    private static readonly StableOperator Cummax = new("aten::cummax");
    private static readonly StableOperator Cummin = new("aten::cummin");

    /// <summary>The matrix product, with the broadcasting rules of <c>torch.matmul</c>.</summary>
    /// <param name="left">[..., n, k], or [k].</param>
    /// <param name="right">[..., k, m], or [k].</param>
    /// <returns>[..., n, m]; a dimension that an argument lacks is missing in the result.</returns>
    /// <exception cref="KdException"><c>KDP0002</c>: shapes or dtypes do not fit.</exception>
    public static Tensor matmul(Tensor left, Tensor right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        var call = new StableCall(Matmul, stackalloc ulong[2]);
        call.Push(left);
        call.Push(right);
        call.Invoke();
        return call.Take(0);
    }

    /// <summary>The running maximum along a dimension, and where it stood.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="dim">A dimension of it; negative counts from the end.</param>
    /// <exception cref="KdException"><c>KDP0002</c>: no such dimension.</exception>
    public static (Tensor values, Tensor indices) cummax(Tensor input, long dim) => Cumulative(Cummax, input, dim);

    /// <summary>The running minimum along a dimension, and where it stood.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="dim">A dimension of it; negative counts from the end.</param>
    /// <exception cref="KdException"><c>KDP0002</c>: no such dimension.</exception>
    public static (Tensor values, Tensor indices) cummin(Tensor input, long dim) => Cumulative(Cummin, input, dim);

    private static (Tensor, Tensor) Cumulative(StableOperator op, Tensor input, long dim)
    {
        ArgumentNullException.ThrowIfNull(input);
        var call = new StableCall(op, stackalloc ulong[2]);
        call.Push(input);
        call.Push(dim);
        call.Invoke();
        return (call.Take(0), call.Take(1));
    }

    /// <summary>
    /// The number in a tensor of one element, whatever its dtype and device. TorchSharp's <c>ToSingle</c>, <c>ToInt32</c>
    /// and <c>ToScalar().To...</c> end the process on a value that the target type cannot hold.
    /// </summary>
    /// <param name="tensor">One element: real, integer or bool.</param>
    /// <returns>The value; 0 or 1 for a bool.</returns>
    /// <exception cref="KdException"><c>KDP0004</c>: not one real element.</exception>
    public static double item(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.IsInvalid || tensor.numel() != 1 || tensor.is_complex() || tensor.device_type == DeviceType.META)
            throw new KdException(
                TorchErrors.BadArgument,
                $"item got {TensorText.Describe(tensor)}; expected a tensor of one real element."
            );
        using var scope = NewDisposeScope();
        return tensor.detach().to(CPU).to(float64).item<double>();
    }

    /// <summary>How many threads libtorch may use inside an operator.</summary>
    /// <param name="count">At least 1.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: the count is below 1.</exception>
    public static void set_num_threads(int count)
    {
        if (count < 1)
            throw new KdException(TorchErrors.BadArgument, $"set_num_threads got {count}; expected at least 1.");
        NativeRuntime.Start();
        torch.set_num_threads(count);
    }
}
