using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// Random numbers that are functions of a place in the run and of nothing else: per sample from its number, so that a
/// sample is changed alike whatever stands beside it, or once per batch.
/// </summary>
internal static class Draws
{
    /// <summary>In [0, 1), from the upper 53 bits.</summary>
    public static double Unit(RandomKey key) => (key.Value >> 11) * (1.0 / (1L << 53));

    /// <summary>In [-most, most).</summary>
    public static double Even(RandomKey key, double most) => (2 * Unit(key) - 1) * most;

    /// <summary>In 0..count-1.</summary>
    public static long Below(RandomKey key, long count) => (long)Math.BigMul(key.Value, (ulong)count, out _);

    /// <summary>One key per sample. Generated samples have no number of their own; their place in the batch serves.</summary>
    public static RandomKey[] PerSample(RandomKey key, Tensor indices)
    {
        var numbers = indices.data<long>().ToArray();
        var keys = new RandomKey[numbers.Length];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = numbers[i] >= 0 ? key.Derive(numbers[i]) : key.Derive("generated").Derive((long)i);
        return keys;
    }

    /// <summary>A permutation of 0..count-1, int64 on the CPU.</summary>
    public static Tensor Permutation(RandomKey key, long count)
    {
        using var generator = key.NewGenerator(CPU);
        return randperm(count, ScalarType.Int64, generator: generator);
    }

    /// <summary>From Beta(alpha, alpha), as the share of two Gamma draws.</summary>
    public static double Beta(RandomKey key, double alpha)
    {
        var (first, second) = (Gamma(key.Derive("first"), alpha), Gamma(key.Derive("second"), alpha));
        // For tiny alpha both can underflow: then the distribution is all but a coin.
        return first + second > 0 ? first / (first + second) : Math.Round(Unit(key.Derive("coin")));
    }

    // Marsaglia and Tsang 2000; below shape 1 by Gamma(a) = Gamma(a + 1) * U^(1/a).
    private static double Gamma(RandomKey key, double shape)
    {
        if (shape < 1)
            return Gamma(key.Derive("above"), shape + 1) * Math.Pow(1 - Unit(key.Derive("power")), 1 / shape);
        var d = shape - 1.0 / 3;
        var c = 1 / Math.Sqrt(9 * d);
        for (long round = 0; ; round++)
        {
            var at = key.Derive(round);
            var x = Normal(at);
            var v = Math.Pow(1 + c * x, 3);
            if (v > 0 && Math.Log(1 - Unit(at.Derive("accept"))) < 0.5 * x * x + d - d * v + d * Math.Log(v))
                return d * v;
        }
    }

    // Box and Muller 1958.
    private static double Normal(RandomKey key) =>
        Math.Sqrt(-2 * Math.Log(1 - Unit(key.Derive("radius")))) * Math.Cos(2 * Math.PI * Unit(key.Derive("angle")));
}
