using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>Bringing feature maps [B, C, h, w] to one form.</summary>
internal static class FeatureMaps
{
    /// <summary>The larger of two maps averaged down to the height and width of the smaller.</summary>
    public static (Tensor First, Tensor Second) Aligned(Tensor first, Tensor second)
    {
        var (own, other) = (first.shape[2] * first.shape[3], second.shape[2] * second.shape[3]);
        return own > other ? (Pooled(first, second), second)
            : own < other ? (first, Pooled(second, first))
            : (first, second);
    }

    private static Tensor Pooled(Tensor large, Tensor small) =>
        nn.functional.adaptive_avg_pool2d(large, [small.shape[2], small.shape[3]]);
}
