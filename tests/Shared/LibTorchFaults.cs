using KdPlugins.Torch;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Tests;

/// <summary>
/// What libtorch itself computes wrongly on some processors: where it does, a test that compares with exact values tells
/// nothing about this code, and skips.
/// </summary>
internal static class LibTorchFaults
{
    private static readonly Lazy<string?> Convolutions = new(() =>
        ConvolutionCheck.Find(ScalarType.Float32, channelsLast: true)
        ?? ConvolutionCheck.Find(ScalarType.Float32, channelsLast: false)
        ?? ConvolutionCheck.Find(ScalarType.BFloat16, channelsLast: true)
        ?? ConvolutionCheck.Find(ScalarType.BFloat16, channelsLast: false)
    );

    /// <summary>Skips the test where libtorch's own convolutions are not those of double precision.</summary>
    internal static void SkipWhereConvolutionsAreWrong() =>
        Skip.If(Convolutions.Value is not null, $"libtorch is wrong on this processor: {Convolutions.Value}");
}
