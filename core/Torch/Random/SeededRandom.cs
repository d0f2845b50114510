namespace KdPlugins.Torch;

/// <summary>
/// Random numbers without a tensor: for crops, flips, mixing ratios and orders. The n-th word is a pure function of
/// (seed, n), by Philox4x32-10; nothing is shared, so every thread and every sample can have its own.
/// </summary>
/// <remarks>One instance is for one thread at a time. The sequence of each method is part of the contract.</remarks>
public sealed class SeededRandom
{
    private readonly ulong _seed;
    private ulong _second;
    private double _spareNormal = double.NaN;

    /// <summary>Begins the sequence of a seed.</summary>
    /// <param name="seed">Any value; derive it with <see cref="Seed"/>.</param>
    public SeededRandom(ulong seed) => _seed = seed;

    /// <summary>How many 64-bit words have been drawn.</summary>
    public ulong Position { get; private set; }

    /// <summary>The next 64 random bits.</summary>
    public ulong NextUInt64()
    {
        var position = Position++;
        if ((position & 1) == 1)
            return _second;
        (var first, _second) = Philox.Block(_seed, position >> 1);
        return first;
    }

    /// <summary>Uniform in [0, 1), a multiple of 2^-53.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1L << 53));

    /// <summary>Uniform in [0, 1), a multiple of 2^-24.</summary>
    public float NextSingle() => (NextUInt64() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform in [<paramref name="minimum"/>, <paramref name="maximum"/>).</summary>
    /// <param name="minimum">The lower end, finite.</param>
    /// <param name="maximum">The upper end, finite and not below the lower one.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: the ends are not finite or not in order.</exception>
    public double NextUniform(double minimum, double maximum)
    {
        Require(
            double.IsFinite(maximum - minimum) && minimum <= maximum,
            $"range [{minimum}, {maximum})",
            "a finite range"
        );
        return minimum + NextDouble() * (maximum - minimum);
    }

    /// <summary>Whether an event of probability <paramref name="probability"/> happens.</summary>
    /// <param name="probability">From 0 (never) to 1 (always).</param>
    /// <exception cref="KdException"><c>KDP0004</c>: no probability.</exception>
    public bool NextBool(double probability)
    {
        Require(probability is >= 0 and <= 1, $"probability {probability}", "a number from 0 to 1");
        return NextDouble() < probability;
    }

    /// <summary>Uniform in 0, 1, ..., <paramref name="count"/> - 1, without bias (Lemire 2019).</summary>
    /// <param name="count">At least 1.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: the count is below 1.</exception>
    public long NextInt64(long count)
    {
        Require(count >= 1, $"count {count}", "at least 1");
        var range = (ulong)count;
        var high = Math.BigMul(NextUInt64(), range, out var low);
        if (low < range)
        {
            var unfair = (0 - range) % range;
            while (low < unfair)
                high = Math.BigMul(NextUInt64(), range, out low);
        }
        return (long)high;
    }

    /// <summary>Uniform in 0, 1, ..., <paramref name="count"/> - 1, without bias.</summary>
    /// <param name="count">At least 1.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: the count is below 1.</exception>
    public int NextInt32(int count) => (int)NextInt64(count);

    /// <summary>Normal with mean 0 and variance 1 (Box and Muller 1958).</summary>
    public double NextNormal()
    {
        if (!double.IsNaN(_spareNormal))
        {
            var spare = _spareNormal;
            _spareNormal = double.NaN;
            return spare;
        }
        var radius = Math.Sqrt(-2 * Math.Log(1 - NextDouble())); // 1 - u lies in (0, 1]
        var (sine, cosine) = Math.SinCos(2 * Math.PI * NextDouble());
        _spareNormal = radius * sine;
        return radius * cosine;
    }

    /// <summary>Gamma with the given shape and scale 1 (Marsaglia and Tsang 2000).</summary>
    /// <param name="shape">Above 0, finite.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: the shape is not above 0.</exception>
    public double NextGamma(double shape) => Math.Exp(LogGamma(shape));

    /// <summary>Beta(<paramref name="a"/>, <paramref name="b"/>), in [0, 1]: the ratio in which samples are mixed.</summary>
    /// <param name="a">Above 0, finite.</param>
    /// <param name="b">Above 0, finite.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: a parameter is not above 0.</exception>
    public double NextBeta(double a, double b)
    {
        // By logarithms: for small parameters both gammas may be too small for a double.
        var difference = LogGamma(b) - LogGamma(a);
        return 1 / (1 + Math.Exp(difference));
    }

    /// <summary>Brings values into a random order, each order as likely as any other (Fisher and Yates).</summary>
    /// <param name="values">Changed in place.</param>
    public void Shuffle<T>(Span<T> values)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = NextInt32(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    private double LogGamma(double shape)
    {
        Require(shape > 0 && double.IsFinite(shape), $"parameter {shape}", "a finite number above 0");
        if (shape < 1)
            return LogGamma(shape + 1) + Math.Log(1 - NextDouble()) / shape;
        var d = shape - 1.0 / 3;
        var c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            var x = NextNormal();
            var v = 1 + c * x;
            if (v <= 0)
                continue;
            v = v * v * v;
            if (Math.Log(1 - NextDouble()) < 0.5 * x * x + d - d * v + d * Math.Log(v))
                return Math.Log(d) + Math.Log(v);
        }
    }

    private static void Require(bool condition, FormattableString got, string expected)
    {
        if (!condition)
            throw new KdException(
                TorchErrors.BadArgument,
                FormattableString.Invariant(
                    $"A random draw got the {FormattableString.Invariant(got)}; expected {expected}."
                )
            );
    }
}
