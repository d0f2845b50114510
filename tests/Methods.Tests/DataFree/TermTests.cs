using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.DataFree.Tests;

/// <summary>The terms against the sheet's numbers, plain loops in double, and finite differences.</summary>
public sealed class TermTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Rows(int columns, params double[] values) => tensor(values).view(-1, columns);

    private static Tensor Teacher => Rows(4, 2, 1, 0, -1, -1, 0, 1, 4);

    private static Tensor Student => Rows(4, 1, 2, .5, -1, 0, 1, 0, 3);

    private static double Value(Tensor t) => t.to(ScalarType.Float64).item<double>();

    private static Tensor Draw(ulong seed, params long[] shape)
    {
        using var random = new RandomKey(seed).NewGenerator(CPU);
        return randn(shape, ScalarType.Float64, generator: random);
    }

    private static Tensor Norms(double[] batch, double rho, Tensor? average = null)
    {
        var (mean, variance) = NormStatistics.Moments(tensor(batch).view(1, 1, 2, 2), unbiased: false);
        average ??= zeros(2, dtype: ScalarType.Float64);
        return Terms.Norms(
            mean,
            variance,
            zeros(1, dtype: ScalarType.Float64),
            ones(1, dtype: ScalarType.Float64),
            average[..1],
            average[1..],
            rho
        );
    }

    [Fact]
    public void Golden_1_statistics_of_a_batch_against_running_ones()
    {
        Assert.Equal(5.5, Value(Norms([1, 2, 3, 6], 0)), 1e-12);
        Assert.Equal(0, Value(Norms([1, -1, 1, -1], 0)), 1e-12);
    }

    [Fact]
    public void Golden_1_statistics_averaged_with_earlier_batches()
    {
        Assert.Equal(5.05, Value(Norms([0, 2, 0, 2], 0.9, tensor(new[] { 3, 3.5 }))), 1e-12);
        var average = tensor(new[] { 0.9 * 3 + 0.1, 0.9 * 3.5 + 0.1 });
        Assert.Equal(4.945, Value(Norms([1, 1, 1, 5], 0.9, average)), 1e-12);
    }

    [Fact]
    public void Golden_2_balance_and_one_hot()
    {
        Assert.Equal(-1.1599503314, Value(Terms.Balance(Teacher, false)), 1e-9);
        Assert.Equal(-0.5037600282, Value(Terms.Balance(Teacher, true)), 1e-9);
        Assert.Equal(-Math.Log(4), Value(Terms.Balance(zeros(3, 4, dtype: ScalarType.Float64), false)), 1e-12);
        Assert.Equal(0.2561810603, Value(Terms.OneHot(Teacher, Teacher.argmax(1))), 1e-9);
    }

    [Fact]
    public void Golden_3_and_4_what_the_student_does_not_know()
    {
        double Of(Adversary kind) => Value(Terms.Adversary(Student, Teacher, kind, 3));
        Assert.Equal(-0.0107870420, Of(Adversary.JensenShannon), 1e-9);
        Assert.Equal(-0.8125, Of(Adversary.Distance), 1e-12);
        Assert.Equal(-0.2553292252, Of(Adversary.Divergence), 1e-9);
        // The published ZSKT divides by B C.
        Assert.Equal(-0.0638323063, Of(Adversary.Divergence) / 4, 1e-9);
        Assert.Equal(-0.0461034843, Of(Adversary.Decisions), 1e-9);
    }

    [Fact]
    public void Golden_5_similarity_and_concentrations()
    {
        var similarity = Terms.Similarity(Rows(2, 1, 0, 1, 1, 0, 1));
        double[] expected = [1, .7071068, 0, .7071068, 1, .7071068, 0, .7071068, 1];
        Assert.All(expected.Zip(similarity.data<double>().ToArray()), p => Assert.Equal(p.First, p.Second, 1e-7));
        double[] Row(double beta, bool published, int row) =>
            Terms.Concentrations(similarity, beta, published)[row].contiguous().data<double>().ToArray();
        double[] first = [1.0001, .7072068, .0001];
        double[] second = [.0001, 1.0001, .0001];
        Assert.All(first.Zip(Row(1, false, 0)), p => Assert.Equal(p.First, p.Second, 1e-7));
        Assert.All(second.Zip(Row(1, false, 1)), p => Assert.Equal(p.First, p.Second, 1e-7));
        Assert.All(first.Zip(Row(0.1, false, 0)), p => Assert.Equal(p.First / 10, p.Second, 1e-7));
        // As released, beta cancels.
        Assert.All(first.Zip(Row(0.1, true, 0)), p => Assert.Equal(p.First, p.Second, 1e-7));
    }

    [Theory]
    [InlineData(1, 0.3132616875, 1e-9)]
    [InlineData(0.1, 4.5398899e-5, 1e-11)]
    public void Golden_7_orthogonal_rows_with_equal_views(double temperature, double expected, double tolerance)
    {
        var rows = eye(2, dtype: ScalarType.Float64);
        Assert.Equal(expected, Value(Terms.Contrast(rows, rows, temperature, 2)), tolerance);
    }

    [Fact]
    public void Rows_of_a_bank_are_contrasted_too_and_count_by_a_mean_of_their_own()
    {
        var locals = FeatureMath.Unit(Draw(1, 5, 3), 1);
        var globals = FeatureMath.Unit(Draw(2, 5, 3), 1);
        var (l, g) = (locals.data<double>().ToArray(), globals.data<double>().ToArray());
        double Row(int i)
        {
            double Logit(int j) => Enumerable.Range(0, 3).Sum(d => l[3 * i + d] * g[3 * j + d]) / 0.5;
            return Math.Log(Enumerable.Range(0, 5).Sum(j => Math.Exp(Logit(j)))) - Logit(i);
        }
        var expected = (Row(0) + Row(1)) / 2 + (Row(2) + Row(3) + Row(4)) / 3;
        Assert.Equal(expected, Value(Terms.Contrast(locals, globals, 0.5, 2)), 1e-12);
    }

    [Fact]
    public void The_contrast_takes_global_views_as_they_are()
    {
        var globals = Draw(2, 3, 3).requires_grad_(true);
        var locals = Draw(1, 3, 3).requires_grad_(true);
        Terms.Contrast(locals, globals, 0.5, 3).backward();
        Assert.NotNull(locals.grad);
        Assert.Null(globals.grad);
    }

    [Fact]
    public void Golden_8_activation()
    {
        Assert.Equal(-1.1666666667, Value(Terms.Activation(Rows(3, 1, -2, 0, 0, 3, 1))), 1e-9);
    }

    [Fact]
    public void Golden_9_the_students_loss_of_zskt()
    {
        Tensor Maps(params double[] values) => tensor(values).view(1, 2, 2, 2);
        var (s, t) = (Maps(1, 2, 3, 4, 0, 1, 1, 0), Maps(2, 1, 0, 1, 1, 1, 2, 0));
        var attention = Value((FeatureMath.Attention(s) - FeatureMath.Attention(t)).square().mean());
        Assert.Equal(0.2321955706, attention, 1e-9);
        var divergence = Value(KdMath.KlDivergence(Student, Teacher, 1)) / 4;
        Assert.Equal(58.1127249670, divergence + 250 * attention, 1e-7);
    }

    [Theory]
    [InlineData(Variation.L1, 19.0)]
    [InlineData(Variation.L2, 65.7009383118)]
    public void Roughness_of_an_image_of_squares(Variation form, double expected)
    {
        var image = tensor(Enumerable.Range(1, 18).Select(n => n * n / 10.0).ToArray()).view(1, 2, 3, 3);
        Assert.Equal(expected, Value(Terms.Variation(image, form)), 1e-9);
    }

    [Fact]
    public void An_impression_is_the_cross_entropy_at_its_temperature()
    {
        var targets = Draw(3, 2, 4).softmax(1);
        var (y, z) = (targets.data<double>().ToArray(), Teacher.data<double>().ToArray());
        var expected = 0.0;
        for (var i = 0; i < 2; i++)
        {
            var sum = Enumerable.Range(0, 4).Sum(c => Math.Exp(z[4 * i + c] / 20));
            expected -= Enumerable.Range(0, 4).Sum(c => y[4 * i + c] * (z[4 * i + c] / 20 - Math.Log(sum))) / 2;
        }
        Assert.Equal(expected, Value(Terms.Impression(Teacher, targets, 20)), 1e-12);
    }

    public static TheoryData<string> Gradients =>
        [
            "one-hot",
            "js",
            "divergence",
            "distance",
            "decisions",
            "balance",
            "norms",
            "l1",
            "l2",
            "activation",
            "contrast",
            "impression",
        ];

    [Theory]
    [MemberData(nameof(Gradients))]
    public void Gradients_are_those_of_finite_differences(string term)
    {
        var other = Draw(5, 4, 5);
        var classes = tensor(new long[] { 0, 3, 2, 1 });
        Func<Tensor, Tensor> function = term switch
        {
            "one-hot" => x => Terms.OneHot(x, classes),
            "js" => x => Terms.Adversary(other, x, Adversary.JensenShannon, 3),
            "divergence" => x => Terms.Adversary(other, x, Adversary.Divergence, 1),
            "distance" => x => Terms.Adversary(other, x, Adversary.Distance, 1),
            "decisions" => x => Terms.Adversary(other + x.detach() * 2, x, Adversary.Decisions, 1),
            "balance" => x => Terms.Balance(x, true),
            "norms" => x =>
                Terms.Norms(x.mean([0]), x.var([0], false), other[0], other[1].abs(), other[2], other[3], 0.3),
            "l1" => x => Terms.Variation(x.view(1, 1, 4, 5), Variation.L1),
            "l2" => x => Terms.Variation(x.view(1, 1, 4, 5), Variation.L2),
            "activation" => Terms.Activation,
            "contrast" => x => Terms.Contrast(x, other, 0.7, 3),
            _ => x => Terms.Impression(x, other.softmax(1), 3),
        };
        // What is held constant in "decisions" has to stay so when the point moves.
        if (term == "decisions")
        {
            var at = Draw(4, 4, 5);
            var fixedStudent = other + at * 2;
            function = x => Terms.Adversary(fixedStudent, x, Adversary.Decisions, 1);
        }
        Assert.InRange(GradientCheck.Error(function, Draw(4, 4, 5)), 0, 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Balance_is_least_where_classes_are_as_many_and_decisions_count_no_more_than_all(int seed)
    {
        var (s, t) = (Draw((ulong)seed, 6, 5) * 3, Draw((ulong)seed + 100, 6, 5) * 3);
        Assert.InRange(Value(Terms.Balance(t, false)), -Math.Log(5) - 1e-12, 0);
        var decisions = Value(Terms.Adversary(s, t, Adversary.Decisions, 1));
        Assert.InRange(decisions, Value(Terms.Adversary(s, t, Adversary.Divergence, 1)) - 1e-12, 0);
        Assert.InRange(Value(Terms.JensenShannon(s, t, 3)), -1e-12, Math.Log(100));
        Assert.Equal(0, Value(Terms.JensenShannon(s / 10, s / 10, 3)), 1e-12);
        var rows = Terms.Concentrations(Terms.Similarity(s), 0.1, false);
        Assert.InRange(rows.min().item<double>(), 1e-5 - 1e-12, 1e-5 + 1e-12);
        Assert.InRange(rows.max().item<double>(), 0.10001 - 1e-12, 0.10001 + 1e-12);
    }
}
