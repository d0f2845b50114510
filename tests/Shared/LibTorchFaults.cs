using KdPlugins.Torch;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Tests;

/// <summary>
/// What libtorch itself computes wrongly on some processors (seen with libtorch 2.10 on AMD's with AVX-512): where it does,
/// a test that compares with exact values tells nothing about this code, and skips.
/// </summary>
internal static class LibTorchFaults
{
    private static readonly Lazy<string?> Convolutions = new(FindFault);

    /// <summary>Skips the test where libtorch's own convolutions are not those of double precision.</summary>
    internal static void SkipWhereConvolutionsAreWrong() =>
        Skip.If(Convolutions.Value is not null, $"libtorch is wrong on this processor: {Convolutions.Value}");

    private static string? FindFault()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11, CPU);
        foreach (
            var (dtype, allowed) in ((ScalarType, double)[])[(ScalarType.Float32, 1e-4), (ScalarType.BFloat16, 0.05)]
        )
        foreach (var channelsLast in (bool[])[false, true])
        foreach (
            var (inputs, outputs, side) in ((long, long, long)[])
                [(1, 1, 9), (1, 8, 28), (3, 5, 9), (3, 6, 12), (8, 12, 9), (6, 10, 6), (256, 512, 8)]
        )
        {
            var error = Enumerable.Range(0, 4).Max(_ => ErrorOf(generator, dtype, channelsLast, inputs, outputs, side));
            if (!(error <= allowed))
                return $"a {dtype} convolution {inputs} -> {outputs} on {side}x{side} pixels, "
                    + $"{(channelsLast ? "channels_last" : "contiguous")}, is {error:0.###} off.";
        }
        return null;
    }

    // The largest relative error of output and gradients; memory that libtorch takes unwritten holds NaN.
    private static double ErrorOf(
        Generator generator,
        ScalarType dtype,
        bool channelsLast,
        long inputs,
        long outputs,
        long side
    )
    {
        using var scope = NewDisposeScope();
        var kernel = inputs == 256 ? 1 : 3;
        var x = randn([4, inputs, side, side], generator: generator).to(dtype);
        var w = (
            randn([outputs, inputs, kernel, kernel], generator: generator) / Math.Sqrt(inputs * kernel * kernel)
        ).to(dtype);
        Poison(x.NumberOfElements, w.NumberOfElements, 4 * outputs * side * side);
        var (actual, exact) = (Run(x, w, channelsLast), Run(x.to(ScalarType.Float64), w.to(ScalarType.Float64), false));
        return actual.Zip(exact, Difference).Max();
    }

    private static Tensor[] Run(Tensor x, Tensor w, bool channelsLast)
    {
        if (channelsLast)
            (x, w) = (x.ToChannelsLast(), w.ToChannelsLast());
        (x, w) = (x.detach().requires_grad_(), w.detach().requires_grad_());
        var y = nn.functional.conv2d(
            x,
            w,
            padding: [w.shape[2] / 2, w.shape[2] / 2],
            strides: w.shape[2] == 1 ? [2, 2] : [1, 1]
        );
        y.sum().backward();
        return [y.detach(), x.grad!, w.grad!];
    }

    private static double Difference(Tensor actual, Tensor exact)
    {
        var error = (actual.to(ScalarType.Float64) - exact).abs().max() / exact.abs().max().clamp_min(1e-12);
        var value = error.item<double>();
        return double.IsNaN(value) ? double.PositiveInfinity : value;
    }

    private static void Poison(params long[] sizes)
    {
        foreach (var size in sizes)
        foreach (var factor in (long[])[1, 2, 4, 16])
            full([size * factor], float.NaN).Dispose();
    }
}
