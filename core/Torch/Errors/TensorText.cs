using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>Tensors in words, for messages.</summary>
public static class TensorText
{
    /// <summary>Dtype and shape, such as <c>Float32[64, 3, 32, 32]</c>; the device too where it is not the CPU.</summary>
    public static string Describe(Tensor tensor) =>
        tensor.IsInvalid
            ? "disposed tensor"
            : $"{tensor.dtype}{Shape(tensor.shape)}{(tensor.device_type == TorchSharp.DeviceType.CPU ? "" : $" on {tensor.device}")}";

    /// <summary>A shape, such as <c>[64, 10]</c>.</summary>
    public static string Shape(ReadOnlySpan<long> shape) => $"[{string.Join(", ", shape.ToArray())}]";
}
