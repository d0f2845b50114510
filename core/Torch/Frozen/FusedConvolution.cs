using System.Runtime.InteropServices;
using KdPlugins.Torch.Native;
using KdPlugins.Torch.Stable;
using static TorchSharp.torch;
// x, other, weight (in place: other, x, weight), bias*, padding, stride, dilation (each with its length), groups, binary
// attribute, alpha, unary attribute, scalars with their number, algorithm, result.
using unsafe BinaryFunction = delegate* unmanaged<
    nint,
    nint,
    nint,
    nint*,
    long*,
    long,
    long*,
    long,
    long*,
    long,
    long,
    byte*,
    double*,
    byte**,
    double**,
    long,
    byte**,
    nint*,
    int>;
// The same with one tensor and one attribute.
using unsafe UnaryFunction = delegate* unmanaged<
    nint,
    nint,
    nint*,
    long*,
    long,
    long*,
    long,
    long*,
    long,
    long,
    byte*,
    double**,
    long,
    byte**,
    nint*,
    int>;

namespace KdPlugins.Torch;

/// <summary>
/// oneDNN's convolutions with what follows them built in: bias, residual, ReLU. CPU only, float32 and bfloat16, and
/// without gradient. Reached through libtorch's C interface for compiled models.
/// </summary>
internal static unsafe class FusedConvolution
{
    private static readonly StableOperator Reorder = new("mkldnn::_reorder_convolution_weight");
    private static readonly nint Library = NativeLibrary.Load(
        Path.Combine(NativeRuntime.Start().LibTorchFolder, "libtorch_cpu.so")
    );
    private static readonly UnaryFunction Unary = (UnaryFunction)Export("aoti_torch_cpu_mkldnn__convolution_pointwise");
    private static readonly BinaryFunction Binary = (BinaryFunction)Export(
        "aoti_torch_cpu_mkldnn__convolution_pointwise_binary"
    );
    private static readonly BinaryFunction BinaryInPlace = (BinaryFunction)Export(
        "aoti_torch_cpu_mkldnn__convolution_pointwise_binary_"
    );

    /// <summary>Whether the libtorch in use has these functions.</summary>
    internal static bool IsAvailable => Unary is not null && Binary is not null && BinaryInPlace is not null;

    private static nint Export(string name) => NativeLibrary.TryGetExport(Library, name, out var address) ? address : 0;

    /// <summary>The weight in the order that oneDNN's kernel for this input size wants; opaque to other operators.</summary>
    internal static Tensor Pack(Tensor weight, ConvolutionGeometry geometry, ReadOnlySpan<long> inputShape)
    {
        var call = new StableCall(Reorder, stackalloc ulong[6]);
        call.Push(weight);
        call.Push(geometry.Padding);
        call.Push(geometry.Stride);
        call.Push(geometry.Dilation);
        call.Push(geometry.Groups);
        call.PushOptional(inputShape);
        call.Invoke();
        return call.Take(0);
    }

    /// <summary>relu?(convolution(x) + bias)</summary>
    internal static Tensor Run(Tensor x, Tensor weight, Tensor bias, ConvolutionGeometry geometry, bool relu)
    {
        nint biasHandle = bias.Handle,
            result;
        int code;
        var none = "none\0"u8;
        var name = relu ? "relu\0"u8 : none;
        fixed (byte* attribute = name)
        fixed (
            long* padding = geometry.Padding,
                stride = geometry.Stride,
                dilation = geometry.Dilation
        )
            code = Unary(
                x.Handle,
                weight.Handle,
                &biasHandle,
                padding,
                2,
                stride,
                2,
                dilation,
                2,
                geometry.Groups,
                attribute,
                null,
                0,
                null,
                &result
            );
        GC.KeepAlive(x);
        GC.KeepAlive(weight);
        GC.KeepAlive(bias);
        Check(code, "mkldnn::_convolution_pointwise", x, weight);
        return Tensor.UnsafeCreateTensor(result);
    }

    /// <summary>
    /// relu?(convolution(x) + bias + residual). With overwrite, the result takes the residual's memory.
    /// </summary>
    internal static Tensor RunAdd(
        Tensor x,
        Tensor residual,
        Tensor weight,
        Tensor bias,
        ConvolutionGeometry geometry,
        bool relu,
        bool overwrite
    )
    {
        nint biasHandle = bias.Handle,
            result;
        int code;
        fixed (
            byte* add = "add\0"u8,
                reluName = "relu\0"u8
        )
        fixed (
            long* padding = geometry.Padding,
                stride = geometry.Stride,
                dilation = geometry.Dilation
        )
        {
            var unary = reluName;
            code = (overwrite ? BinaryInPlace : Binary)(
                overwrite ? residual.Handle : x.Handle,
                overwrite ? x.Handle : residual.Handle,
                weight.Handle,
                &biasHandle,
                padding,
                2,
                stride,
                2,
                dilation,
                2,
                geometry.Groups,
                add,
                null,
                relu ? &unary : null,
                null,
                0,
                null,
                &result
            );
        }
        GC.KeepAlive(x);
        GC.KeepAlive(residual);
        GC.KeepAlive(weight);
        GC.KeepAlive(bias);
        Check(code, "mkldnn::_convolution_pointwise.binary", x, weight, residual);
        return Tensor.UnsafeCreateTensor(result);
    }

    private static void Check(int code, string name, params ReadOnlySpan<Tensor> tensors)
    {
        if (code == 0)
            return;
        var arguments = new List<string>();
        foreach (var tensor in tensors)
            arguments.Add(TensorText.Describe(tensor));
        throw new KdException(
            TorchErrors.NativeCall,
            $"{name}({string.Join(", ", arguments)}) failed: {ErrorText.Take()}."
        );
    }
}
