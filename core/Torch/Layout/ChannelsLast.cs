using KdPlugins.Torch.Stable;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// The channels_last memory layout: values stand as <c>[batch, height, width, channels]</c> in memory while the shape
/// stays <c>[batch, channels, height, width]</c>. Convolutions, norms and pointwise operators keep it, and on a CPU
/// they are several times faster in it.
/// </summary>
public static class ChannelsLast
{
    private const long Contiguous = 0; // c10::MemoryFormat
    private const long Last = 2;

    private static readonly StableOperator ContiguousIn = new("aten::contiguous");

    /// <summary>
    /// The tensor in channels_last layout: a copy, or another handle to the same values where it has that layout
    /// already. Gradients flow through.
    /// </summary>
    /// <param name="tensor"><c>[batch, channels, height, width]</c>, of any dtype and on any device.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: it does not have four dimensions.</exception>
    public static Tensor ToChannelsLast(this Tensor tensor)
    {
        if (tensor.dim() != 4)
            throw new KdException(
                TorchErrors.BadArgument,
                $"channels_last needs [batch, channels, height, width], got {TensorText.Describe(tensor)}.",
                "Add the missing dimension, such as unsqueeze(0) for one image."
            );
        return InLayout(tensor, Last);
    }

    /// <summary>
    /// Whether the values stand in channels_last order. Where one channel or one pixel makes both layouts the same, a
    /// tensor has both.
    /// </summary>
    public static bool IsChannelsLast(this Tensor tensor)
    {
        if (tensor.dim() != 4)
            return false;
        if (tensor.numel() == 0)
            return true;
        var (shape, strides) = (tensor.shape, tensor.stride());
        long expected = 1;
        foreach (var d in (ReadOnlySpan<int>)[1, 3, 2, 0])
        {
            if (shape[d] == 1)
                continue;
            if (strides[d] != expected)
                return false;
            expected *= shape[d];
        }
        return true;
    }

    /// <summary>
    /// Brings every four-dimensional parameter and buffer of a module into channels_last layout, and existing gradients
    /// with them. Parameters remain the same objects, so an optimiser that knows them goes on.
    /// </summary>
    /// <remarks>Do it before the first optimiser step: momentum that exists already keeps its layout.</remarks>
    /// <returns>The module.</returns>
    public static T ToChannelsLast<T>(this T module)
        where T : nn.Module => Convert(module, Last);

    /// <summary>The way back from <see cref="ToChannelsLast{T}"/>.</summary>
    /// <returns>The module.</returns>
    public static T ToContiguous<T>(this T module)
        where T : nn.Module => Convert(module, Contiguous);

    private static T Convert<T>(T module, long layout)
        where T : nn.Module
    {
        using var noGrad = no_grad();
        foreach (var parameter in module.parameters())
        {
            Convert(parameter, layout);
            using var gradient = parameter.grad;
            if (gradient is not null)
                Convert(gradient, layout);
        }
        foreach (var buffer in module.buffers())
            Convert(buffer, layout);
        return module;
    }

    // set_ gives the tensor the storage and strides of the copy; identity and autograd state stay.
    private static void Convert(Tensor tensor, long layout)
    {
        if (tensor.dim() != 4)
            return;
        using var converted = InLayout(tensor, layout);
        tensor.set_(converted);
    }

    private static Tensor InLayout(Tensor tensor, long layout)
    {
        var call = new StableCall(ContiguousIn, stackalloc ulong[2]);
        call.Push(tensor);
        call.Push(layout);
        call.Invoke();
        return call.Take(0);
    }
}
