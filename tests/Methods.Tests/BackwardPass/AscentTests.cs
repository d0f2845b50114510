using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.BackwardPass.Tests;

/// <summary>Moving samples to where two functions differ, against the sheet's numbers.</summary>
public sealed class AscentTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static double[] Values(Tensor t) => t.contiguous().data<double>().ToArray();

    private static void AssertClose(double[] expected, Tensor actual) =>
        Assert.All(expected.Zip(Values(actual)), p => Assert.Equal(p.First, p.Second, 1e-8));

    private static Tensor Free(Tensor x) => x;

    [Theory]
    [InlineData(1, 2.12, 5.63777536)]
    [InlineData(2, 2.27386112, 0)]
    [InlineData(3, 2.4793865780, 0)]
    public void Golden_1_steps_up_the_gap_of_a_square_and_its_root(int steps, double expected, double gap)
    {
        static Tensor Gap(Tensor x) => Ascent.Gap(x, x.square());
        var x = Ascent.Climb(tensor(new[] { 2.0 }).view(1, 1), Gap, steps, StepKind.Raw, 0.01, Free);
        AssertClose([expected], x);
        if (gap > 0)
            AssertClose([gap], Gap(x));
        Assert.False(x.requires_grad);
    }

    [Theory]
    [InlineData(StepKind.Raw, 1.07575, -1.192, 0.441125, 2.2745, 3.702835597, 6.875554770)]
    [InlineData(StepKind.L2, 1.018350053, -1.046511026, 0.4895144236, 2.048888165, 2.992910361, 5.457867572)]
    [InlineData(StepKind.Sign, 1.05, -1.05, 0.45, 2.05, 3.056806250, 5.513056250)]
    public void Golden_2_each_sample_goes_by_its_own_gradient(StepKind kind, params double[] expected)
    {
        var (a, b) = (
            tensor(
                new[,]
                {
                    { 1, .5 },
                    { -.5, 2 },
                    { 0, 1 },
                }
            ),
            tensor(new[] { 0, .1, -.2 })
        );
        var c = tensor(
            new[,]
            {
                { .5, .5 },
                { -.25, 1 },
                { .2, .3 },
            }
        );
        Tensor Gap(Tensor x) => Ascent.Gap(x.mm(c.t()), x.mm(a.t()) + b);
        var x = tensor(
            new[,]
            {
                { 1.0, -1 },
                { .5, 2 },
            }
        );
        AssertClose([2.7825, 5.173125], Gap(x));
        var moved = Ascent.Climb(x, Gap, 1, kind, 0.05, Free);
        AssertClose(expected[..4], moved);
        AssertClose(expected[4..], Gap(moved));
    }

    [Theory]
    [InlineData(StepKind.Raw)]
    [InlineData(StepKind.L2)]
    [InlineData(StepKind.Sign)]
    public void Golden_5_a_small_step_makes_the_gap_larger(StepKind kind)
    {
        using var random = RandomScope.Use(3);
        using var s = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4));
        using var t = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4));
        Tensor Gap(Tensor x) => Ascent.Gap(s.call(x), t.call(x));
        var x = randn(400, 6);
        var gaps = new List<Tensor> { Gap(x) };
        for (var steps = 1; steps <= 3; steps++)
            gaps.Add(Gap(Ascent.Climb(x, Gap, steps, kind, 1e-3, Free)));
        foreach (var (before, after) in gaps.Zip(gaps.Skip(1)))
            Assert.InRange((after > before).to(ScalarType.Float32).mean().item<float>(), 0.95f, 1);
    }

    [Theory]
    [InlineData(StepKind.Raw)]
    [InlineData(StepKind.L2)]
    [InlineData(StepKind.Sign)]
    public void Golden_6_where_both_agree_nothing_moves(StepKind kind)
    {
        var x = randn(3, 2, 4, 4);
        var moved = Ascent.Climb(x, at => Ascent.Gap(at.flatten(1), at.flatten(1)), 3, kind, 0.5, Free);
        Assert.Equal(x, moved);
    }

    [Fact]
    public void Golden_4_what_is_left_of_the_teachers_embeddings_is_orthogonal_to_the_students()
    {
        var s = tensor(
            new double[,]
            {
                { 1, 0, 1, 2 },
                { 0, 1, 1, -1 },
            }
        );
        var t = tensor(
            new double[,]
            {
                { 1, 2, 0, 1 },
                { 0, 1, 1, 0 },
                { 2, 0, 1, 1 },
            }
        );
        var left = t - Ascent.EmbeddingMap(s, t).mm(s);
        Assert.Equal(5.4705882353, left.square().sum().item<double>(), 1e-9);
        Assert.All(Values(left.mm(s.t())), v => Assert.Equal(0, v, 1e-14));
        AssertClose([1, 0, 0, 1], Ascent.EmbeddingMap(s, s));
    }

    [Fact]
    public void Samples_stay_where_they_are_confined_to_after_every_step()
    {
        var x = zeros(1, 1);
        // Up to 1, then on from there, not from 5.
        var moved = Ascent.Climb(x, at => (at * (1.5 - at)).sum(1), 2, StepKind.Raw, 5, at => at.clamp(0, 1));
        Assert.Equal(0, moved.item<float>());
    }
}
