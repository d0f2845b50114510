using KdPlugins.Torch.Instructions;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Whether libtorch's convolutions on this CPU are right. Its kernels differ by processor, and those of some processors
/// have been found wrong without a word.
/// </summary>
public static class ConvolutionCheck
{
    // What comes from memory that nobody has written differs from time to time.
    private const int Repetitions = 4;

    // What has been seen wrong, and what networks begin with.
    private static readonly Shape[] Shapes =
    [
        new(1, 1, 3, 1, 1, 9),
        new(1, 8, 3, 1, 1, 28),
        new(3, 5, 3, 1, 1, 9),
        new(3, 6, 3, 1, 1, 12),
        new(8, 12, 3, 1, 1, 9),
        new(6, 10, 3, 1, 1, 6),
        new(256, 512, 1, 2, 1, 8),
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
        var manners = Enumerable.Repeat(new Manner(dtype, channelsLast, get_num_threads()), Repetitions);
        return Shapes.SelectMany(shape => Sweep.Faults(shape, manners)).FirstOrDefault() is { } fault
            ? $"{fault}."
            : null;
    }
}
