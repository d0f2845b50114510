using System.Globalization;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Whether libtorch's convolutions on this CPU are right. Its kernels differ by processor, and those of some processors
/// have been found wrong without a word.
/// </summary>
public static class ConvolutionCheck
{
    private const int Repetitions = 4;

    // Channels in and out, pixels per side: what has been seen wrong, and what networks begin with.
    private static readonly (long, long, long)[] Sizes =
    [
        (1, 1, 9),
        (1, 8, 28),
        (3, 5, 9),
        (3, 6, 12),
        (8, 12, 9),
        (6, 10, 6),
        (256, 512, 8),
    ];

    /// <summary>
    /// Compares outputs and gradients of seven convolutions with those in double precision: 3x3, and a 1x1 of stride 2.
    /// Takes some tens of milliseconds and touches no default generator.
    /// </summary>
    /// <param name="dtype">Float32 (allowed: 1e-4 of the largest value) or BFloat16 (0.05).</param>
    /// <param name="channelsLast">
    /// The layout; channels_last is the engine's. One input channel has both layouts and is looked at as contiguous.
    /// </param>
    /// <returns>What is wrong, in a sentence; null where everything is right.</returns>
    public static string? Find(ScalarType dtype = ScalarType.Float32, bool channelsLast = true)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11, CPU);
        var allowed = dtype == ScalarType.BFloat16 ? 0.05 : 1e-4;
        foreach (var (inputs, outputs, side) in Sizes)
        {
            if (channelsLast && inputs == 1)
                continue;
            var error = Enumerable
                .Range(0, Repetitions)
                .Max(_ => ErrorOf(generator, dtype, channelsLast, inputs, outputs, side));
            if (!(error <= allowed))
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"A {dtype} convolution {inputs} -> {outputs} on {side}x{side} pixels, "
                        + $"{(channelsLast ? "channels_last" : "contiguous")}, is {100 * error:0.#} % off."
                );
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
        var (actual, exact) = (Run(x, w, channelsLast), Exact(x, w));
        return actual.Zip(exact, Difference).Max();
    }

    private static Tensor[] Run(Tensor x, Tensor w, bool channelsLast)
    {
        if (channelsLast)
            (x, w) = (x.ToChannelsLast(), w.ToChannelsLast());
        (x, w) = (x.detach().requires_grad_(), w.detach().requires_grad_());
        var y = nn.functional.conv2d(x, w, padding: [Padding(w), Padding(w)], strides: [Stride(w), Stride(w)]);
        y.sum().backward();
        return [y.detach(), x.grad!, w.grad!];
    }

    // As a matrix product in double precision: a convolution in it would make libtorch look for NNPACK, and say so.
    private static Tensor[] Exact(Tensor x, Tensor w)
    {
        x = x.to(ScalarType.Float64).detach().requires_grad_();
        w = w.to(ScalarType.Float64).detach().requires_grad_();
        var patches = nn.functional.unfold(x, w.shape[2], padding: Padding(w), stride: Stride(w));
        var y = einsum("ok,nkl->nol", w.flatten(1), patches);
        y.sum().backward();
        var side = (long)Math.Sqrt(y.shape[2]);
        return [y.detach().reshape(y.shape[0], y.shape[1], side, side), x.grad!, w.grad!];
    }

    private static long Padding(Tensor w) => w.shape[2] / 2;

    private static long Stride(Tensor w) => w.shape[2] == 1 ? 2 : 1;

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
