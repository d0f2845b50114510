using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>Values of the published code (RepDistiller, mdistiller, torchdistill and others), run in double precision.</summary>
public class LossGoldenTests
{
    private static readonly double[,] Zs =
    {
        { 1, 2, .5, -1 },
        { 0, 1, 0, 3 },
        { 2, 0, 1, 0 },
    };
    private static readonly double[,] Zt =
    {
        { 2, 1, 0, -1 },
        { -1, 0, 1, 4 },
        { 1, 1, 0, -1 },
    };
    private static readonly double[,] Vs =
    {
        { 1, 0 },
        { 0, 1 },
        { 1, 1 },
    };
    private static readonly double[,] Vt =
    {
        { 1, 2 },
        { 2, 0 },
        { 0, 1 },
    };
    private static readonly double[,] Ms =
    {
        { 1, 2, 3, 4 },
        { 0, 1, 1, 0 },
    };
    private static readonly double[,] Mt =
    {
        { 2, 1, 0, 1 },
        { 1, 1, 2, 0 },
    };

    [Theory]
    [InlineData("""{ "alpha": 1, "beta": 0, "warmUpEpochs": 0 }""", 0.2403490358)]
    [InlineData("""{ "alpha": 0, "beta": 1, "warmUpEpochs": 0 }""", 0.2747031398)]
    [InlineData("""{ "warmUpEpochs": 0 }""", 2.4379741542)]
    public void Dkd(string options, double expected) => OfRows("dkd", 2, options, expected);

    [Theory]
    [InlineData("""{ "intra": 0 }""", 0.4243182861)]
    [InlineData("""{ "inter": 0 }""", 0.3821804728)]
    public void Dist(string options, double expected) => OfRows("dist", 3, options, expected);

    // torchdistill adds nothing to the product of the norms, RepDistiller's successors and this 1e-8.
    [Theory]
    [InlineData("""{ "intra": 0, "temperature": 4 }""", false, 5.0675702266)]
    [InlineData("""{ "inter": 0, "temperature": 4 }""", true, 7.5013809905)]
    public void Dist_of_torchdistill_but_for_what_it_adds_to_the_norms(string options, bool intra, double golden)
    {
        Assert.Equal(golden, Correlated(4, intra, 0), 1e-10);
        OfRows("dist", 3, options, Correlated(4, intra, 1e-8));
    }

    // t^2 (1 - the mean correlation), of rows or of columns
    private static double Correlated(double temperature, bool intra, double epsilon)
    {
        double[][] Probabilities(double[,] logits) =>
            [
                .. Enumerable
                    .Range(0, 3)
                    .Select(b =>
                        Numeric.Softmax([logits[b, 0], logits[b, 1], logits[b, 2], logits[b, 3]], temperature)
                    ),
            ];
        var (q, p) = (Probabilities(Zs), Probabilities(Zt));
        double[] Line(double[][] all, int i) => intra ? [.. all.Select(row => row[i])] : all[i];
        var rho = Enumerable
            .Range(0, intra ? 4 : 3)
            .Average(i =>
            {
                var (a, b) = (Line(q, i), Line(p, i));
                var (x, y) = (a.Select(v => v - a.Average()).ToArray(), b.Select(v => v - b.Average()).ToArray());
                double Norm(double[] v) => Math.Sqrt(v.Sum(e => e * e));
                return x.Zip(y, (m, n) => m * n).Sum() / (Norm(x) * Norm(y) + epsilon);
            });
        return temperature * temperature * (1 - rho);
    }

    [Fact]
    public void Lskd() => OfRows("lskd", 2, "{}", 0.1477144047);

    [Theory]
    [InlineData("{}", 0.2321955706)]
    [InlineData("""{ "distance": "norm" }""", 0.9637335122)]
    public void At(string options, double expected) => OfMaps("at", options, expected);

    [Fact]
    public void Nst() => OfMaps("nst", "{}", 0.5138888889);

    [Fact]
    public void Fsp()
    {
        using var scope = NewDisposeScope();
        Tensor[] Both(double[,] map) => [Map(map), Map(map).flip(1)];
        Same(9.375, LossUnderTest.Value("fsp", Both(Ms), Both(Mt)));
    }

    [Fact]
    public void Sp() => OfVectors("sp", "{}", 0.1723571751);

    [Theory]
    [InlineData("""{ "distance": 1, "angle": 0 }""", 0.0115157903)]
    [InlineData("""{ "distance": 0, "angle": 1 }""", 0.0096820576)]
    [InlineData("{}", 0.7719976352)]
    public void Rkd(string options, double expected) => OfVectors("rkd", options, expected);

    [Fact]
    public void Pkt() => OfVectors("pkt", "{}", 0.0110448783);

    private static void OfRows(string id, int rows, string options, double expected)
    {
        using var scope = NewDisposeScope();
        Tensor Rows(double[,] values) => Make.Doubles(values)[..rows];
        Same(expected, LossUnderTest.Value(id, [Rows(Zs)], [Rows(Zt)], options, new long[] { 0, 3, 0 }[..rows]));
    }

    private static void OfVectors(string id, string options, double expected)
    {
        using var scope = NewDisposeScope();
        Same(expected, LossUnderTest.Value(id, [Make.Doubles(Vs)], [Make.Doubles(Vt)], options));
    }

    private static void OfMaps(string id, string options, double expected)
    {
        using var scope = NewDisposeScope();
        Same(expected, LossUnderTest.Value(id, [Map(Ms)], [Map(Mt)], options));
    }

    // 2 channels of 2x2, row by row
    private static Tensor Map(double[,] channels) => Make.Doubles(channels).view(1, 2, 2, 2);

    private static void Same(double expected, Tensor got) => Assert.Equal(expected, got.item<double>(), 1e-10);
}
