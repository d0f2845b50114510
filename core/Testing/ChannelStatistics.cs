using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>
/// Mean and standard deviation per channel of a source's images, of values in [0, 1]: what a data set's author writes into
/// <see cref="DataInfo"/>, for <c>normalise</c> to use.
/// </summary>
/// <param name="Mean">One number per channel.</param>
/// <param name="Std">One number per channel, of all pixels of all images (divided by their number).</param>
public sealed record ChannelStatistics(IReadOnlyList<double> Mean, IReadOnlyList<double> Std)
{
    /// <summary>Measures a source's images, in float64.</summary>
    /// <param name="source">Its images are uint8, or float in [0, 1].</param>
    /// <param name="samples">At most so many, evenly spread; 0 for all.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: what it gives is no batch of images [B, C, H, W].</exception>
    public static ChannelStatistics Of(IDataSource source, long samples = 0)
    {
        ArgumentNullException.ThrowIfNull(source);
        NativeRuntime.Start();
        using var memory = NewDisposeScope();
        var numbers = SampleNumbers.Spread(source.Count, samples);
        Tensor? sum = null;
        Tensor? squares = null;
        var pixels = 0L;
        foreach (var some in numbers.Chunk(256))
        {
            using var scope = NewDisposeScope();
            var images = Pixels(source.Read(some).Input);
            pixels += images.shape[0] * images.shape[2] * images.shape[3];
            var (s, q) = (images.sum([0, 2, 3]), images.square().sum([0, 2, 3]));
            sum = (sum is null ? s : sum + s).MoveToOuterDisposeScope();
            squares = (squares is null ? q : squares + q).MoveToOuterDisposeScope();
        }
        var mean = sum! / pixels;
        var deviation = (squares! / pixels - mean.square()).clamp_min(0).sqrt();
        return new(mean.data<double>().ToArray(), deviation.data<double>().ToArray());
    }

    private static Tensor Pixels(Tensor input)
    {
        if (input.dim() != 4)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Statistics per channel are of images [B, C, H, W]; the source gives {TensorText.Describe(input)}."
            );
        var numbers = input.to(ScalarType.Float64);
        return input.dtype == ScalarType.Byte ? numbers / 255 : numbers;
    }

    /// <summary>As they are written in code: <c>[0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Text(Mean)}, {Text(Std)}");

    private static string Text(IReadOnlyList<double> values) =>
        $"[{string.Join(", ", values.Select(v => v.ToString("F4", System.Globalization.CultureInfo.InvariantCulture)))}]";
}
