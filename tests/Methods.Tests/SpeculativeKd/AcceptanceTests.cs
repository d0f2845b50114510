using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SpeculativeKd.Tests;

/// <summary>Which tokens a teacher keeps and how tokens are drawn, against the numbers of the released functions.</summary>
public sealed class AcceptanceTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Teacher() =>
        tensor(
            new double[,]
            {
                { 2, 1, 0, -1 },
                { -1, 0, 1, 4 },
                { 0, 3, 2, 1 },
                { 1, 1.5, 0, 2 },
            }
        );

    [Theory]
    [InlineData(new long[] { 1, 2, 2 }, 2, new long[] { 1, 2, 2 }, 3, false)]
    [InlineData(new long[] { 1, 2, 2 }, 1, new long[] { 3 }, 0, true)]
    [InlineData(new long[] { 1, 0, 2 }, 2, new long[] { 1, 3 }, 1, true)]
    [InlineData(new long[] { 3, 2, 1 }, 2, new long[] { 3 }, 0, true)]
    [InlineData(new long[] { 3, 0, 0 }, 4, new long[] { 3, 0, 0 }, 3, false)]
    [InlineData(new long[] { 3, 0, 0 }, 400, new long[] { 3, 0, 0 }, 3, false)]
    [InlineData(new long[] { 0, 3, 1 }, 0, new long[] { 3 }, 0, true)]
    public void Golden_3_the_likeliest_tokens_are_kept(
        long[] draft,
        long k,
        long[] emitted,
        long kept,
        bool corrected
    ) => AssertVerdict(draft, AcceptanceRule.TopK, k, 0, emitted, kept, corrected);

    [Fact]
    public void Golden_3_tokens_below_a_mass_are_kept() =>
        AssertVerdict([1, 2, 2], AcceptanceRule.BelowMass, 0, 0.9, [1, 3], 1, true);

    private static void AssertVerdict(
        long[] draft,
        AcceptanceRule rule,
        long k,
        double mass,
        long[] emitted,
        long kept,
        bool corrected
    )
    {
        var found = Acceptance.Verify(Teacher(), tensor(draft), rule, k, mass, 3);
        Assert.Equal(emitted, found.Emitted.data<long>().ToArray());
        Assert.Equal((kept, corrected ? 1 : 0), (found.Accepted, found.Corrected));
    }

    [Theory]
    [InlineData(0.5, "0", "3", "1")]
    [InlineData(0.9, "01", "3", "12")]
    [InlineData(0.95, "01", "3", "12")]
    [InlineData(1, "012", "123", "123")]
    [InlineData(0, "0", "3", "1")]
    public void Golden_3_what_is_below_a_mass(double mass, params string[] expected)
    {
        for (var slot = 0; slot < 3; slot++)
            Assert.Equal(expected[slot], Kept(Teacher()[slot], AcceptanceRule.BelowMass, 0, mass));
        Assert.Equal(expected[0], Kept(Teacher()[0].to(ScalarType.Float32), AcceptanceRule.BelowMass, 0, mass));
    }

    [Fact]
    public void Of_equal_scores_the_smaller_ids_are_first_and_no_more_than_k_are_kept()
    {
        var same = zeros(4);
        Assert.Equal("01", Kept(same, AcceptanceRule.TopK, 2, 0));
        // What a nucleus left out is nothing, and ranks all the same.
        var left = tensor(new[] { 5, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity });
        Assert.Equal("01", Kept(left, AcceptanceRule.TopK, 2, 0));
    }

    private static string Kept(Tensor logits, AcceptanceRule rule, long k, double mass) =>
        string.Concat(
            Enumerable
                .Range(0, 4)
                .Where(v =>
                    Acceptance.Admitted(logits.unsqueeze(0), tensor(new long[] { v }), rule, k, mass).item<bool>()
                )
        );

    [Theory]
    [InlineData(25, 0, 100, 25)]
    [InlineData(0, 10, 100, 0)]
    // ceil(25 / 10) = 3 after every draft, floor(10 / 25) being 0.
    [InlineData(25, 10, 0, 25)]
    [InlineData(25, 10, 1, 22)]
    [InlineData(25, 10, 8, 1)]
    // 1 after every second.
    [InlineData(5, 10, 1, 5)]
    [InlineData(5, 10, 2, 4)]
    [InlineData(5, 10, 5, 3)]
    [InlineData(5, 10, 99, 1)]
    public void K_falls_by_what_is_expected_of_a_text(long k, long expected, long draft, long found) =>
        Assert.Equal(found, Acceptance.AdaptiveK(k, expected, draft));

    [Fact]
    public void A_nucleus_is_the_likeliest_tokens_until_they_have_the_mass()
    {
        var logits = Teacher()[..1];
        double[] Warped(double temperature, double topP) =>
            Drawing.Warped(logits, temperature, topP).data<double>().ToArray();
        double[] p = [0.643914, 0.236883, 0.0871443, 0.0320586];
        AssertNear(p, Warped(1, 1));
        AssertNear([1, 0, 0, 0], Warped(1, 0.5));
        // The token that reaches the mass belongs to it.
        AssertNear([p[0] / (p[0] + p[1]), p[1] / (p[0] + p[1]), 0, 0], Warped(1, 0.7));
        AssertNear([1, 0, 0, 0], Warped(0, 1));
        var cold = p.Select(v => v * v).ToArray();
        AssertNear([.. cold.Select(v => v / cold.Sum())], Warped(0.5, 1));
    }

    private static void AssertNear(double[] expected, double[] actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5));

    [Fact]
    public void A_draw_is_the_inverse_of_the_distribution_function()
    {
        var p = tensor(new[] { 0, 0.25, 0, 0.5, 0.25, 0 }).expand(6, 6);
        var at = tensor(new[] { 0, 0.2499, 0.25, 0.7499, 0.75, 1 - 1e-16 });
        Assert.Equal([1, 1, 3, 3, 4, 4], Drawing.At(p, at).data<long>().ToArray());
        // As often as is likely.
        var even = (arange(1000, ScalarType.Float64) + 0.5) / 1000;
        var counts = Drawing.At(p[..1].expand(1000, 6), even).bincount(null, 6).data<long>().ToArray();
        Assert.Equal([0, 250, 0, 500, 250, 0], counts);
    }
}
