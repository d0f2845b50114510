using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Text;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Text;

/// <summary>Divergences of next tokens against the numbers of the official functions, and what counts of a text.</summary>
public sealed class TokenDivergenceTests : IDisposable
{
    private static readonly double[,] Zs =
    {
        { 1, 2, .5, -1 },
        { 0, 1, 0, 3 },
    };
    private static readonly double[,] Zt =
    {
        { 2, 1, 0, -1 },
        { -1, 0, 1, 4 },
    };
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Loss(
        Tensor student,
        Tensor teacher,
        TokenTarget target,
        TokenDivergenceOptions? options = null
    ) =>
        Make.Plugin<TokenDivergenceLoss>(options ?? new())
            .Compute(Make.Loss(student, teacher, new(target.Ids, target, arange(target.Count))));

    private static TokenTarget All(long rows, long length) =>
        new(zeros([rows, length], ScalarType.Int64), ones([rows, length], ScalarType.Bool));

    [Theory]
    [InlineData(Divergence.ForwardKl, 0.4621171573, 0.2553292252)]
    [InlineData(Divergence.ReverseKl, 0.4621171573, 0.2796222742)]
    [InlineData(Divergence.MixtureKl, 0.1201145070, 0.0706951154)]
    [InlineData(Divergence.Jsd, 0.1109440717, 0.0630427594)]
    [InlineData(Divergence.GeneralisedJsd, 0.1109440717, 0.0630427594)]
    public void Golden_4_and_5(Divergence kind, double one, double two)
    {
        var options = new TokenDivergenceOptions { Divergence = kind };
        var (zero, first) = (tensor(new[] { 0.0, 1 }, [1, 1, 2]), tensor(new[] { 1.0, 0 }, [1, 1, 2]));
        Assert.Equal(one, Loss(zero, first, All(1, 1), options).item<double>(), 1e-9);
        var (student, teacher) = (Make.Doubles(Zs).unsqueeze(0), Make.Doubles(Zt).unsqueeze(0));
        Assert.Equal(two, Loss(student, teacher, All(1, 2), options).item<double>(), 1e-9);
    }

    // Equation 1 of GKD in a plain loop; towards its ends it is a KL divergence times the share.
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.9)]
    public void The_generalised_divergence_is_its_formula(double beta)
    {
        var (p, q) = (Make.Doubles(Zt).softmax(1), Make.Doubles(Zs).softmax(1));
        var expected = 0.0;
        for (var i = 0; i < 2; i++)
        for (var v = 0; v < 4; v++)
        {
            var (a, b) = (p[i, v].item<double>(), q[i, v].item<double>());
            var m = beta * a + (1 - beta) * b;
            expected += (beta * a * Math.Log(a / m) + (1 - beta) * b * Math.Log(b / m)) / 2;
        }
        var options = new TokenDivergenceOptions { Divergence = Divergence.GeneralisedJsd, Beta = beta };
        var found = Loss(Make.Doubles(Zs).unsqueeze(0), Make.Doubles(Zt).unsqueeze(0), All(1, 2), options);
        Assert.Equal(expected, found.item<double>(), 1e-12);
        var tiny = new TokenDivergenceOptions { Divergence = Divergence.GeneralisedJsd, Beta = 1e-6 };
        var limit = Loss(Make.Doubles(Zs).unsqueeze(0), Make.Doubles(Zt).unsqueeze(0), All(1, 2), tiny).item<double>();
        Assert.Equal(0.2553292252, limit / 1e-6, 1e-4);
    }

    [Theory]
    [InlineData(Divergence.ForwardKl)]
    [InlineData(Divergence.ReverseKl)]
    [InlineData(Divergence.Jsd)]
    [InlineData(Divergence.GeneralisedJsd)]
    [InlineData(Divergence.MixtureKl)]
    public void Gradients_are_those_of_finite_differences_and_none_where_both_agree(Divergence kind)
    {
        var options = new TokenDivergenceOptions
        {
            Divergence = kind,
            Beta = 0.3,
            Temperature = 1.5,
        };
        var (student, teacher) = (randn(2, 3, 5, dtype: ScalarType.Float64), randn(2, 3, 5, dtype: ScalarType.Float64));
        var mask = tensor(new[] { true, true, false, false, true, false }, [2, 3]);
        var target = new TokenTarget(zeros([2, 3], ScalarType.Int64), mask);
        Assert.InRange(GradientCheck.Error(s => Loss(s, teacher, target, options), student), 0, 1e-7);
        var same = teacher.clone().requires_grad_(true);
        var loss = Loss(same, teacher, target, options);
        loss.backward();
        Assert.Equal(0, loss.item<double>(), 1e-9);
        Assert.InRange(same.grad!.norm().item<double>(), 0, 1e-7);
    }

    [Fact]
    public void Golden_7_only_the_answer_counts_and_its_first_token_does()
    {
        // A prompt of two tokens and an answer of two: the places 1 and 2 predict it.
        var target = new TokenTarget(
            zeros([1, 4], ScalarType.Int64),
            tensor(new[] { false, true, true, false }, [1, 4])
        );
        var (student, teacher) = (randn(1, 4, 5, dtype: ScalarType.Float64), randn(1, 4, 5, dtype: ScalarType.Float64));
        double Changed(int place, TokenDivergenceOptions? options = null)
        {
            var other = student.clone();
            other[0, place, 0] += 1;
            return Math.Abs(
                Loss(other, teacher, target, options).item<double>()
                    - Loss(student, teacher, target, options).item<double>()
            );
        }
        Assert.Equal([0, 3], Enumerable.Range(0, 4).Where(i => Changed(i) == 0));
        // The released code looks one place later.
        var shifted = new TokenDivergenceOptions { Window = LossWindow.Shifted };
        Assert.Equal([0, 1], Enumerable.Range(0, 4).Where(i => Changed(i, shifted) == 0));
    }

    [Fact]
    public void It_is_the_mean_of_what_each_text_gives_alone()
    {
        var (student, teacher) = (randn(3, 4, 5, dtype: ScalarType.Float64), randn(3, 4, 5, dtype: ScalarType.Float64));
        var mask = tensor(
            new[] { true, true, true, false, true, false, false, false, false, false, false, false },
            [3, 4]
        );
        var target = new TokenTarget(zeros([3, 4], ScalarType.Int64), mask);
        double Alone(int row) =>
            Loss(
                    student[row..(row + 1)],
                    teacher[row..(row + 1)],
                    (TokenTarget)target.Select(tensor(new long[] { row }))
                )
                .item<double>();
        // The third has no answer.
        Assert.Equal((Alone(0) + Alone(1)) / 2, Loss(student, teacher, target).item<double>(), 1e-12);
        Assert.Equal(0, Alone(2));
    }

    [Fact]
    public void What_is_no_text_is_refused()
    {
        var rows = Assert.Throws<KdException>(() => Loss(rand(2, 5), rand(2, 5), All(2, 1)));
        Assert.Same(CoreErrors.ShapesDiffer, rows.Code);
        Assert.Throws<KdException>(() => Loss(rand(2, 3, 5), rand(2, 3, 5), All(2, 2)));
        var other = Assert.Throws<KdException>(() => Loss(rand(2, 3, 5), rand(2, 3, 6), All(2, 3)));
        Assert.Same(CoreErrors.ShapesDiffer, other.Code);
        Assert.False(Make.Passes(new TokenDivergenceOptions { Beta = 0 }));
        Assert.False(Make.Passes(new TokenDivergenceOptions { Beta = 1 }));
    }
}
