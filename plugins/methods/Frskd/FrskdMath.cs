using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Frskd;

/// <summary>The formulas of the paper and of its code as pure functions.</summary>
public static class FrskdMath
{
    /// <summary>v = relu(w) / (sum relu(w) + 1e-6): how much of each input a fusion takes.</summary>
    /// <param name="raw">w <c>[inputs]</c>, learnt.</param>
    [Formula("fusion-weights", Description = "relu(w) / (sum relu(w) + 1e-6)")]
    public static Tensor FusionWeights(Tensor raw)
    {
        var positive = raw.relu();
        return positive.div(positive.sum().add(1e-6));
    }

    /// <summary>
    /// The maximum over 3x3 positions in steps of 2, with zeros around ("same" padding, the larger half to the right and
    /// below), for maps that are nowhere negative.
    /// </summary>
    /// <param name="map"><c>[B, C, h, w]</c>.</param>
    /// <returns><c>[B, C, h / 2, w / 2]</c>, rounded up.</returns>
    [Formula(
        "same-pool",
        Description = "maximum over 3x3 in steps of 2, padded with zeros to half the size, rounded up"
    )]
    public static Tensor SamePool(Tensor map)
    {
        var (top, bottom) = Padding(map.shape[2]);
        var (left, right) = Padding(map.shape[3]);
        return nn.functional.max_pool2d(nn.functional.pad(map, [left, right, top, bottom]), 3, 2);
    }

    // (ceil(s / 2) - 1) 2 - s + 3 in all
    private static (long Before, long After) Padding(long side)
    {
        var extra = ((side + 1) / 2 - 1) * 2 - side + 3;
        return (extra / 2, extra - extra / 2);
    }

    /// <summary>L_F of one level: the mean over samples and positions of (phi(F) - phi(T))^2.</summary>
    /// <param name="student">F, <c>[B, C, h, w]</c>.</param>
    /// <param name="refined">T, <c>[B, C', h, w]</c>; no gradient goes to it.</param>
    [Formula("attention", Description = "mean square difference of the attention maps phi")]
    public static Tensor Attention(Tensor student, Tensor refined) =>
        FeatureMath.Attention(student).sub(FeatureMath.Attention(refined.detach())).square().mean();

    /// <summary>The form "fit" of one level: the mean of all (A(F) - T)^2.</summary>
    /// <param name="adapted">A(F), of T's shape.</param>
    /// <param name="refined">T, <c>[B, C, h, w]</c>; no gradient goes to it.</param>
    [Formula("fit", Description = "mean square difference of adapted and refined maps")]
    public static Tensor Fit(Tensor adapted, Tensor refined) => adapted.sub(refined.detach()).square().mean();

    /// <summary>
    /// The form "od" of one level: sum (A(F) - T')^2 / B with T' = max(T, m), over what is above T' or where T' is above 0.
    /// </summary>
    /// <param name="adapted">A(F), of T's shape, before any activation.</param>
    /// <param name="refined">T, <c>[B, ...]</c>, before its activation; no gradient goes to it.</param>
    /// <param name="margin">m.</param>
    [Formula("margin-distance", Description = "partial square distance to maps cut off at a margin, a sample's mean")]
    public static Tensor MarginDistance(Tensor adapted, Tensor refined, double margin)
    {
        var target = refined.detach().clamp_min(margin);
        var counts = adapted.detach().gt(target).logical_or(target.gt(0));
        return adapted.sub(target).square().masked_fill(counts.logical_not(), 0).sum().div(adapted.shape[0]);
    }

    /// <summary>
    /// The mean of the negative values of a norm's channel, N(b, w^2): b - |w| exp(-(b/w)^2 / 2) / (sqrt(2 pi) Phi(-b/|w|)), and
    /// -3 |w| where hardly any is negative.
    /// </summary>
    /// <param name="weight">w, not 0.</param>
    /// <param name="bias">b.</param>
    [Formula("margin", Description = "the mean of the negative values of a channel after its norm")]
    public static double Margin(double weight, double bias)
    {
        var deviation = Math.Abs(weight);
        var below = special.ndtr(tensor(-bias / deviation, ScalarType.Float64)).item<double>();
        return below > 0.001
            ? bias - deviation * Math.Exp(-Math.Pow(bias / weight, 2) / 2) / (Math.Sqrt(2 * Math.PI) * below)
            : -3 * deviation;
    }

    /// <summary>exp(-5 (1 - t)^2): what the distillation terms weigh in an epoch.</summary>
    /// <param name="epoch">From 0.</param>
    /// <param name="silent">Epochs in which they weigh nothing.</param>
    /// <param name="length">Epochs after these in which the weight rises to 1; 0 for none.</param>
    [Formula("ramp", Description = "0, then exp(-5 (1 - t)^2) up to 1")]
    public static double Ramp(long epoch, long silent, long length)
    {
        if (epoch < silent)
            return 0;
        var t = length == 0 ? 1 : Math.Min(1, (epoch - silent + 1.0) / length);
        return Math.Exp(-5 * (1 - t) * (1 - t));
    }
}
