using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>What a layer is about to compute, read off the layer and what goes in. Null for what no kernel of the CPU computes in
/// float32 or bfloat16.</summary>
internal static class LayerShapes
{
    // Numbers of an input: of larger images fewer are looked at.
    private const long FewestSamples = 2;
    private const long MostNumbers = 1 << 18;

    internal static LayerShape? OfProduct(Tensor input, Tensor weight, Tensor? bias)
    {
        if (TypeOf(input) is not { } type || input.dim() < 1 || input.numel() == 0)
            return null;
        var inputs = input.shape[^1];
        return new()
        {
            Kind = LayerKind.Linear,
            Input = [Math.Min(input.numel() / inputs, LayerTrace.Rows), inputs],
            Weight = weight.shape,
            HasBias = bias is not null,
            Type = type,
            NeedsInput = is_grad_enabled() && input.requires_grad,
            NeedsWeight = is_grad_enabled() && weight.requires_grad,
        };
    }

    internal static LayerShape? OfConvolution(Convolution layer, Tensor input)
    {
        var dimensions = layer.weight.dim() - 2;
        if (TypeOf(input) is not { } type || input.dim() != dimensions + 2 || input.numel() == 0)
            return null;
        var (outside, padding) = PaddingOf(layer, (int)dimensions);
        var shape = input.shape.Select((n, d) => d < 2 ? n : n + outside[d - 2]).ToArray();
        return Of(layer.transposed ? LayerKind.Transposed : LayerKind.Convolution, input, shape, layer.weight) with
        {
            Stride = [.. layer.stride],
            Padding = padding,
            Dilation = [.. layer.dilation],
            OutputPadding = layer.transposed ? [.. layer.output_padding] : [],
            Groups = layer.groups,
            HasBias = layer.bias is not null,
            Type = type,
        };
    }

    internal static LayerShape? OfFrozen(
        Tensor input,
        Tensor weight,
        ConvolutionGeometry geometry,
        bool relu,
        bool residual
    )
    {
        if (input.device_type != DeviceType.CPU || weight.dtype is not (ScalarType.Float32 or ScalarType.BFloat16))
            return null;
        var shape = Of(LayerKind.Frozen, input, input.shape, weight) with
        {
            Stride = geometry.Stride,
            Padding = geometry.Padding,
            Dilation = geometry.Dilation,
            Groups = geometry.Groups,
            HasBias = true,
            HasResidual = residual,
            Type = weight.dtype,
            NeedsWeight = false,
        };
        // A ReLU has no gradient near 0, where rounding decides on which side a value is.
        return shape with { HasRelu = relu && !shape.NeedsInput };
    }

    private static LayerShape Of(LayerKind kind, Tensor input, long[] shape, Tensor weight)
    {
        var perSample = Math.Max(1, shape.Skip(1).Aggregate(1L, (a, b) => a * b));
        var samples = Math.Clamp(MostNumbers / perSample, FewestSamples, LayerTrace.Samples);
        return new()
        {
            Kind = kind,
            Input = [Math.Min(shape[0], samples), .. shape.Skip(1)],
            Weight = weight.shape,
            ChannelsLast = input.IsChannelsLast(),
            WeightChannelsLast = weight.IsChannelsLast(),
            NeedsInput = is_grad_enabled() && input.requires_grad,
            NeedsWeight = is_grad_enabled() && weight.requires_grad,
        };
    }

    // What is computed in double precision is what the others are held against.
    private static ScalarType? TypeOf(Tensor input) =>
        input.device_type != DeviceType.CPU ? null
        : input.dtype is not (ScalarType.Float32 or ScalarType.BFloat16) ? null
        : Autocast.IsEnabled(input.device) ? ScalarType.BFloat16
        : input.dtype;

    // What is padded before the kernel, in all; and what the kernel pads, on each side.
    internal static (long[] Outside, long[] Inside) PaddingOf(Convolution layer, int dimensions)
    {
        var none = new long[dimensions];
        if (layer.padding_type == TorchSharp.Padding.Valid)
            return (none, none);
        if (layer.padding_type == TorchSharp.Padding.Same)
        {
            var all = layer.dilation.Zip(layer.kernel_size, (d, k) => d * (k - 1)).ToArray();
            return layer.padding_mode == PaddingModes.Zeros
                ? ([.. all.Select(p => p % 2)], [.. all.Select(p => p / 2)])
                : (all, none);
        }
        return layer.padding_mode == PaddingModes.Zeros
            ? (none, [.. layer.padding!])
            : ([.. layer.padding!.Select(p => 2 * p)], none);
    }
}
