using KdPlugins.Core;
using KdPlugins.GoodDaKd.Tests.Maths;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd.Tests;

public class PickScoresTests
{
    private static double[] Values(Tensor t) => t.to(ScalarType.Float64).contiguous().data<double>().ToArray();

    private static long[] Rows(Tensor t) => t.data<long>().ToArray();

    private static void Near(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-6);
    }

    [Fact]
    public void Golden_2_entropy_and_what_it_keeps()
    {
        using var scope = NewDisposeScope();
        var scores = PickScores.Entropy(tensor(Golden.Pool));
        Near([0.1773237, 1.0173572, 0.8323956, 1.0986123], Values(scores));
        Assert.Equal([1, 3], Rows(PickScores.Keep(scores, 2)));
        Near(Values(scores), Values(PickScores.Entropy(tensor(Golden.Pool) + 100)));
    }

    [Fact]
    public void Golden_2_divergence_from_a_student_that_knows_nothing()
    {
        using var scope = NewDisposeScope();
        var pool = tensor(Golden.Pool);
        Near([0.1232845, 0.0065266, 0.0205126, 0], Values(PickScores.Divergence(pool, zeros_like(pool), 4)));
    }

    [Fact]
    public void Golden_2_dissimilarity_from_the_nearest_original()
    {
        using var scope = NewDisposeScope();
        var found = PickScores.Dissimilarity(tensor(Golden.Pool), tensor(Golden.Originals));
        Near([0.0473537, 0.2351062, 0.0341985, 0.3087012], Values(found));
    }

    [Fact]
    public void Golden_2_certainty_beyond_single_precision_has_no_entropy()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(
            [0.0],
            Values(
                PickScores.Entropy(
                    tensor(
                        new float[,]
                        {
                            { 800, 0, 0 },
                        }
                    )
                )
            )
        );
    }

    [Fact]
    public void Golden_6_a_pool_of_128_keeps_64_in_ascending_order()
    {
        using var scope = NewDisposeScope();
        var kept = Rows(PickScores.Keep(PickScores.Entropy(Golden.LargePool), 64));
        Assert.Equal(64, kept.Length);
        Assert.All(kept, i => Assert.True(37 * i % 128 < 64));
        Assert.Equal([19, 102, 57, 12, 95, 50], kept[..6]);
        Assert.Equal([97, 52, 7, 90, 45, 0], kept[^6..]);
        Assert.Equal(3936, kept.Sum());
    }

    [Fact]
    public void Golden_6_a_pool_that_is_too_small_is_kept_whole_in_order()
    {
        using var scope = NewDisposeScope();
        var kept = Rows(PickScores.Keep(tensor(new[] { 3.0, 1, 2 }), 64));
        Assert.Equal([1, 2, 0], kept);
    }

    [Fact]
    public void Equal_scores_keep_their_order() =>
        Assert.Equal([3, 4, 1], Rows(PickScores.Keep(tensor(new[] { 1.0, 2, 1, 1, 1 }), 3)));

    [Fact]
    public void Scores_agree_with_plain_loops()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var (t, s) = (randn(7, 5, generator: generator) * 3, randn(7, 5, generator: generator));
        var (p, q, o) = (Softmax(t, 1), Softmax(t, 4), Softmax(s[..3], 1));
        var r = Softmax(s, 4);
        Near([.. p.Select(row => -row.Sum(v => v * Math.Log(v)))], Values(PickScores.Entropy(t)));
        Near(
            [.. q.Select((row, i) => row.Select((v, c) => v * Math.Log(v / r[i][c])).Sum())],
            Values(PickScores.Divergence(t, s, 4))
        );
        Near(
            [.. p.Select(row => o.Min(other => row.Zip(other, (a, b) => (a - b) * (a - b)).Sum()))],
            Values(PickScores.Dissimilarity(t, s[..3]))
        );
    }

    [Fact]
    public void Logits_that_are_no_rows_of_classes_are_refused()
    {
        using var scope = NewDisposeScope();
        GroupDeviationTests.Refused(
            CoreErrors.ShapesDiffer,
            "[2, 3, 4, 4]",
            () => PickScores.Entropy(zeros(2, 3, 4, 4))
        );
        GroupDeviationTests.Refused(
            CoreErrors.ShapesDiffer,
            "[2, 4]",
            () => PickScores.Divergence(zeros(2, 3), zeros(2, 4), 4)
        );
    }

    private static double[][] Softmax(Tensor logits, double temperature)
    {
        var rows = Enumerable.Range(0, (int)logits.shape[0]).Select(i => Values(logits[i])).ToArray();
        return
        [
            .. rows.Select(row =>
            {
                var all = row.Select(v => Math.Exp(v / temperature)).ToArray();
                return all.Select(v => v / all.Sum()).ToArray();
            }),
        ];
    }
}
