using System.Runtime.Intrinsics.X86;
using KdPlugins.Torch.Native;
using KdPlugins.Torch.Onnx;
using KdPlugins.Torch.Stable;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// A convolution for inference whose weights no longer change: batch norm folded into it, and on a CPU the ReLU and the
/// addition of a residual computed by the same kernel. It holds its own copy of the weights.
/// </summary>
/// <remarks>
/// Where that kernel cannot serve (another device, float64, a gradient with respect to the input), the same numbers
/// come from the plain folded convolution. Autocast does not apply: it computes in its own dtype. On a CPU, 1x1
/// convolutions are matrix products: libtorch 2.10 computes some of them wrongly with AVX-512.
/// </remarks>
public sealed class FrozenConv2d : nn.Module<Tensor, Tensor>, IFrozenLayer
{
    private const int PackedCapacity = 4;

#pragma warning disable IDE0044 // TorchSharp assigns registered fields when the module moves.
    private Tensor weight;
    private Tensor bias;
#pragma warning restore IDE0044
    private readonly ConvolutionGeometry _geometry;
    private readonly bool _relu;
    private readonly bool _isPointwise;
    private readonly Dictionary<(long, long, long), Tensor> _packed = [];
    private readonly Lock _gate = new();
    private nint _packedFrom;

    private FrozenConv2d(Tensor weight, Tensor bias, ConvolutionGeometry geometry, bool relu)
        : base(nameof(FrozenConv2d))
    {
        this.weight = weight;
        this.bias = bias;
        _geometry = geometry;
        _relu = relu;
        _isPointwise = weight.shape is [_, _, 1, 1] && geometry.Padding.All(p => p == 0);
        RegisterComponents();
    }

    /// <summary>Freezes a convolution and what follows it.</summary>
    /// <param name="convolution">With zero padding given as numbers.</param>
    /// <param name="norm">The batch norm behind it, with running statistics; null where there is none.</param>
    /// <param name="relu">Whether a ReLU comes last.</param>
    /// <param name="dtype">What it computes in: Float32 or BFloat16, or Float64 for checks.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: padding, statistics or channel counts do not allow it.</exception>
    public static FrozenConv2d From(
        Conv2d convolution,
        BatchNorm2d? norm = null,
        bool relu = false,
        ScalarType dtype = ScalarType.Float32
    )
    {
        if (convolution.padding_mode != PaddingModes.Zeros || convolution.padding is null)
            throw Refusal(
                $"its padding is {convolution.padding_type?.ToString() ?? convolution.padding_mode.ToString()}, "
                    + "zeros by number are needed"
            );
        if (norm is not null && (norm.running_mean is null || norm.running_var is null))
            throw Refusal("its batch norm keeps no running statistics");
        if (norm is not null && norm.num_features != convolution.out_channels)
            throw Refusal($"it gives {convolution.out_channels} channels and its batch norm takes {norm.num_features}");
        var (weight, bias) = BatchNormFolding.Fold(convolution, norm, dtype);
        var geometry = new ConvolutionGeometry(
            [.. convolution.stride],
            [.. convolution.padding],
            [.. convolution.dilation],
            convolution.groups
        );
        return new FrozenConv2d(weight, bias, geometry, relu);
    }

    /// <summary>One with given weights, of which it takes copies.</summary>
    internal static FrozenConv2d From(Tensor weight, Tensor bias, ConvolutionGeometry geometry, bool relu) =>
        new(
            weight.ToChannelsLast().clone().DetachFromDisposeScope(),
            bias.clone().DetachFromDisposeScope(),
            geometry,
            relu
        );

    /// <summary>relu?(norm(convolution(x)))</summary>
    /// <param name="input"><c>[batch, channels, height, width]</c> of any layout and floating dtype.</param>
    /// <returns>In this module's dtype, channels_last on a CPU.</returns>
    public override Tensor forward(Tensor input) => Forward(input);

    /// <summary>relu?(norm(convolution(x)))</summary>
    /// <param name="input"><c>[batch, channels, height, width]</c> of any layout and floating dtype.</param>
    /// <param name="activate">False leaves the ReLU out, for taps before it.</param>
    /// <returns>In this module's dtype, channels_last on a CPU.</returns>
    public Tensor Forward(Tensor input, bool activate = true)
    {
        using var x = PrepareInput(input);
        var relu = _relu && activate;
        var result = Detoured(x, null, relu) ?? Convolve(x, relu);
        GraphTrace.TellLayer(this, result, [input], at => Activated(at, Convolved(at), relu));
        return result;
    }

    /// <summary>relu?(norm(convolution(x)) + residual)</summary>
    /// <param name="input"><c>[batch, channels, height, width]</c> of any layout and floating dtype.</param>
    /// <param name="residual">Of the result's shape.</param>
    /// <param name="overwriteResidual">
    /// Whether the result may take the residual's memory, which is faster; the residual's values are lost then.
    /// </param>
    /// <param name="activate">False leaves the ReLU out, for taps before it.</param>
    public Tensor ForwardAdd(Tensor input, Tensor residual, bool overwriteResidual = false, bool activate = true)
    {
        using var x = PrepareInput(input);
        using var other = Prepare(residual);
        var relu = _relu && activate;
        var overwrite = overwriteResidual && !ReferenceEquals(input, residual);
        CheckResidual(x, other);
        var result = Detoured(x, other, relu) ?? Sum(x, other, relu, overwrite);
        GraphTrace.TellLayer(
            this,
            result,
            [input, residual],
            at => Activated(at, at.Graph.Node("Add", [Convolved(at), at.Inputs[1]]), relu)
        );
        return result;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            lock (_gate)
                ClearPacked();
        base.Dispose(disposing);
    }

    private static KdException Refusal(string reason) =>
        new(
            TorchErrors.BadArgument,
            $"A convolution cannot be frozen: {reason}.",
            "Leave this layer as it is and run it beside the frozen ones."
        );

    // A new handle in any case, so that the caller's tensor is never disposed.
    private Tensor Prepare(Tensor tensor)
    {
        if (tensor.dtype == weight.dtype)
            return tensor.ToChannelsLast();
        using var converted = tensor.to(weight.dtype);
        return converted.ToChannelsLast();
    }

    // oneDNN's kernels read past the end where channels or a residual do not fit.
    private Tensor PrepareInput(Tensor input)
    {
        var channels = weight.shape[1] * _geometry.Groups;
        if (input.dim() == 4 && input.shape[1] != channels)
            throw new KdException(
                TorchErrors.BadArgument,
                $"A frozen convolution takes [batch, {channels}, height, width], got {TensorText.Describe(input)}."
            );
        return Prepare(input);
    }

    // Null where libtorch's kernel is to compute.
    private Tensor? Detoured(Tensor x, Tensor? residual, bool relu)
    {
        LayerShape? Shape() => LayerShapes.OfFrozen(x, weight, _geometry, relu, residual is not null);
        if (!LayerTrace.Tell(this, Shape) && !LayerDetours.Take(this))
            return null;
        using var scope = NewDisposeScope();
        return Shape() is { } shape
            ? ProductLayer
                .InPlaceOf(new(x, weight, bias, residual), shape with { Input = x.shape, HasRelu = relu })
                .MoveToOuterDisposeScope()
            : null;
    }

    private Tensor Sum(Tensor x, Tensor other, bool relu, bool overwrite)
    {
        if (CanFuseSum(x) && CanFuse(other))
            return FusedConvolution.RunAdd(x, other, Packed(x), bias, _geometry, relu, overwrite);
        var sum = Convolve(x, relu: false);
        sum.add_(other);
        return relu ? sum.relu_() : sum;
    }

    private GraphValue Convolved(LayerGraph at) => LayerNodes.Convolved(at, at.Inputs[0], weight, bias, _geometry);

    private static GraphValue Activated(LayerGraph at, GraphValue x, bool relu) =>
        relu ? at.Graph.Node("Relu", [x]) : x;

    private void CheckResidual(Tensor x, Tensor residual)
    {
        var (shape, kernel) = (x.shape, weight.shape);
        long Size(int d) =>
            (shape[d] + 2 * _geometry.Padding[d - 2] - _geometry.Dilation[d - 2] * (kernel[d] - 1) - 1)
                / _geometry.Stride[d - 2]
            + 1;
        long[] expected = [shape[0], kernel[0], Size(2), Size(3)];
        if (!expected.AsSpan().SequenceEqual(residual.shape))
            throw new KdException(
                TorchErrors.BadArgument,
                $"A frozen convolution gives {TensorText.Shape(expected)}, got the residual {TensorText.Describe(residual)}: "
                    + "shapes must match."
            );
    }

    private bool CanFuse(Tensor x) =>
        x.device_type == DeviceType.CPU
        && weight.dtype switch
        {
            ScalarType.Float32 => true,
            // As oneDNN demands, which refuses to pack where it may not use what it needs.
            ScalarType.BFloat16 => Avx512BW.VL.IsSupported && Avx512DQ.IsSupported && OneDnnInstructions.AllowBFloat16,
            _ => false,
        }
        && FusedConvolution.IsAvailable
        && !(x.requires_grad && is_grad_enabled());

    // oneDNN's kernels with a sum do not know groups, and no tensor whose two layouts coincide.
    private bool CanFuseSum(Tensor x) =>
        CanFuse(x)
        && !_isPointwise
        && _geometry.Groups == 1
        && weight.shape[0] > 1
        && x.shape is [_, > 1, var height, var width]
        && height * width > 1;

    private Tensor Convolve(Tensor x, bool relu)
    {
        var isProduct = _isPointwise && x.device_type == DeviceType.CPU;
        if (!isProduct && CanFuse(x))
            return FusedConvolution.Run(x, Packed(x), bias, _geometry, relu);
        using var own = Autocast.IsEnabled(x.device) ? Autocast.Disabled() : null;
        var y = isProduct
            ? Product(x)
            : nn.functional.conv2d(
                x,
                weight,
                bias,
                _geometry.Stride,
                _geometry.Padding,
                _geometry.Dilation,
                _geometry.Groups
            );
        return relu ? y.relu_() : y;
    }

    private Tensor Product(Tensor x)
    {
        using var scope = NewDisposeScope();
        var (rowStep, columnStep) = (_geometry.Stride[0], _geometry.Stride[1]);
        var picked =
            rowStep == 1 && columnStep == 1
                ? x
                : x[.., .., TensorIndex.Slice(step: rowStep), TensorIndex.Slice(step: columnStep)];
        var groups = (int)_geometry.Groups;
        var (rows, matrix) = (picked.permute(0, 2, 3, 1), weight.flatten(1));
        if (groups == 1)
            return nn.functional.linear(rows, matrix, bias).permute(0, 3, 1, 2).MoveToOuterDisposeScope();
        var (inputs, weights, biases) = (rows.chunk(groups, -1), matrix.chunk(groups, 0), bias.chunk(groups, 0));
        var products = Enumerable.Range(0, groups).Select(g => nn.functional.linear(inputs[g], weights[g], biases[g]));
        return cat([.. products], -1).permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    private Tensor Packed(Tensor x)
    {
        var shape = x.shape;
        var key = (shape[0], shape[2], shape[3]);
        lock (_gate)
        {
            if (_packedFrom != weight.Handle || _packed.Count > PackedCapacity)
                ClearPacked();
            if (!_packed.TryGetValue(key, out var known))
            {
                _packedFrom = weight.Handle;
                known = FusedConvolution.Pack(weight, _geometry, shape).DetachFromDisposeScope();
                _packed[key] = known;
            }
            // A handle of the caller's own: another thread may clear the cache while this one computes.
            return Tensor.UnsafeCreateTensor((nint)StableAbi.Own(known));
        }
    }

    private void ClearPacked()
    {
        foreach (var tensor in _packed.Values)
            tensor.Dispose();
        _packed.Clear();
    }
}
