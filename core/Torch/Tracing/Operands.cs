using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// What a layer's computation is given: normal numbers that bfloat16 holds exactly, so that one exact answer serves both types.
/// </summary>
internal sealed record Operands(
    Tensor Input,
    Tensor Weight,
    Tensor? Bias,
    Tensor? Residual = null,
    Tensor? Gradient = null
)
{
    internal static Operands Draw(LayerShape s, Generator generator)
    {
        Tensor Normal(IEnumerable<long> shape) => randn([.. shape], generator: generator).to(ScalarType.BFloat16);
        var output = ProductLayer.OutputOf(s);
        return new(
            Normal(s.Input),
            Normal(s.Weight),
            s.HasBias ? Normal([output[1]]) : null,
            s.HasResidual ? Normal(output) : null,
            Normal(output)
        );
    }

    internal IEnumerable<Tensor> All() => new[] { Input, Weight, Bias, Residual, Gradient }.OfType<Tensor>();

    internal Operands To(ScalarType type) =>
        new(Input.to(type), Weight.to(type), Bias?.to(type), Residual?.to(type), Gradient?.to(type));

    /// <summary>In the layouts of the shape.</summary>
    internal Operands In(LayerShape s) =>
        this with
        {
            Input = s.ChannelsLast ? Input.ToChannelsLast() : Input,
            Weight = s.WeightChannelsLast ? Weight.ToChannelsLast() : Weight,
            Residual = s.ChannelsLast ? Residual?.ToChannelsLast() : Residual,
        };

    /// <summary>The gradient that comes from above.</summary>
    internal Tensor Above(long[] shape) =>
        shape.AsSpan().SequenceEqual(Gradient!.shape)
            ? Gradient
            : throw new InvalidOperationException($"{TensorText.Shape(shape)} is not {TensorText.Describe(Gradient)}.");
}
