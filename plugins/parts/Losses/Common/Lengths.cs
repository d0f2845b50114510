using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>What rows are divided by so that only their direction counts.</summary>
internal static class Lengths
{
    /// <summary>
    /// sqrt(squared + s^2): never below s, and without a kink at 0, so that no gradient of a row divided by it is above
    /// 1 / s.
    /// </summary>
    /// <param name="squared">Squared lengths, at least 0.</param>
    /// <param name="s">Above 0.</param>
    public static Tensor Smooth(Tensor squared, double s) => squared.add(s * s).sqrt();
}
