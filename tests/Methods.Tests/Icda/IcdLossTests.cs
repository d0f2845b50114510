using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

public sealed class IcdLossTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Random(ulong seed, params long[] shape)
    {
        using var generator = new RandomKey(seed).NewGenerator(CPU);
        return randn(shape, ScalarType.Float64, generator: generator);
    }

    // The definition, entry by entry.
    private static (double Contrast, double Invariance) ByHand(double[,] l)
    {
        var n = l.GetLength(0);
        double Row(int i) => Enumerable.Range(0, n).Sum(j => Math.Exp(l[i, j]));
        double Column(int j) => Enumerable.Range(0, n).Sum(i => Math.Exp(l[i, j]));
        var (contrast, invariance) = (0.0, 0.0);
        for (var i = 0; i < n; i++)
        {
            contrast -= Math.Log(Math.Exp(l[i, i]) / Row(i)) / n;
            for (var j = 0; j < n; j++)
            {
                var (p1, p2) = (Math.Exp(l[i, j]) / Row(i), Math.Exp(l[j, i]) / Column(i));
                invariance += p2 * Math.Log(p2 / p1) / n;
            }
        }
        return (contrast, invariance);
    }

    [Fact]
    public void Both_terms_are_those_of_a_plain_loop()
    {
        var similarities = Random(1, 5, 5).mul(3);
        var values = new double[5, 5];
        for (var i = 0; i < 5; i++)
        for (var j = 0; j < 5; j++)
            values[i, j] = similarities[i, j].item<double>();
        var (contrast, invariance) = ByHand(values);
        Assert.Equal(contrast, IcdMath.Contrast(similarities).item<double>(), 1e-12);
        Assert.Equal(invariance, IcdMath.Invariance(similarities).item<double>(), 1e-12);
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        var (student, teacher) = (Random(2, 4, 3), Random(3, 4, 3));
        var loss = new IcdUnderTest(3);
        Assert.InRange(GradientCheck.Error(s => loss.Compute(s, teacher), student), 0, 1e-8);
        Tensor OfScale(Tensor raw)
        {
            var similarities = IcdMath.Similarities(student, teacher, raw, zeros(1, ScalarType.Float64), 10);
            return IcdMath.Contrast(similarities).add(IcdMath.Invariance(similarities).mul(0.5));
        }
        Assert.InRange(GradientCheck.Error(OfScale, tensor(new[] { 0.7 })), 0, 1e-8);
    }

    [Theory]
    [InlineData(64, 64, 16642)]
    [InlineData(128, 128, 33026)]
    [InlineData(256, 256, 65794)]
    [InlineData(512, 512, 131330)]
    [InlineData(64, 256, 128 * 65 + 128 * 257 + 2)]
    public void It_learns_as_many_values_as_published(long student, long teacher, long expected)
    {
        var loss = Stubs.Plugin<IcdLoss>(new IcdOptions());
        loss.Bind(IcdUnderTest.Binding(student, teacher));
        Assert.Equal(expected, loss.Module!.parameters().Sum(p => p.numel()));
        Assert.Equal([128, student], loss.Module.get_parameter("embed_s.weight")!.shape);
        Assert.Equal(1f, loss.Module.get_parameter("tau_raw")!.item<float>());
        Assert.Equal(0f, loss.Module.get_parameter("b")!.item<float>());
    }

    [Fact]
    public void A_row_of_zeros_gives_a_finite_loss_and_gradient()
    {
        var student = zeros(3, 2, ScalarType.Float64).requires_grad_(true);
        var total = new IcdUnderTest(2).Compute(student, Random(4, 3, 2));
        total.backward();
        Assert.True(double.IsFinite(total.item<double>()));
        Assert.True(student.grad!.isfinite().all().item<bool>());
    }

    [Fact]
    public void Embeddings_of_different_numbers_of_samples_are_refused_with_both_shapes()
    {
        var failure = Assert.Throws<KdException>(() => new IcdUnderTest(2).Compute(Random(7, 3, 2), Random(8, 4, 2)));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("[3, 2]", failure.Message);
        Assert.Contains("[4, 2]", failure.Message);
    }

    [Fact]
    public void Outputs_without_a_pooled_embedding_are_refused()
    {
        var loss = new IcdUnderTest(2).Loss;
        var missing = Assert.Throws<KdException>(() => loss.Compute(IcdUnderTest.Context(Random(9, 2, 2), null)));
        Assert.Equal(CoreErrors.ShapesDiffer, missing.Code);
        Assert.Contains("'teacher'", missing.Message);
        var maps = Assert.Throws<KdException>(() =>
            loss.Compute(IcdUnderTest.Context(Random(9, 2, 2, 4, 4), Random(9, 2, 2)))
        );
        Assert.Contains("[2, 2, 4, 4]", maps.Message);
    }

    [Fact]
    public void Networks_without_embedding_and_unknown_roles_are_refused_before_the_first_step()
    {
        var loss = Stubs.Plugin<IcdLoss>(new IcdOptions());
        var none = Assert.Throws<KdException>(() => loss.Bind(IcdUnderTest.Binding(64, 0)));
        Assert.Equal(CoreErrors.ShapesDiffer, none.Code);
        Assert.Contains("'teacher'", none.Message);
        var other = Stubs.Plugin<IcdLoss>(new IcdOptions { Teacher = "tutor" });
        var unknown = Assert.Throws<KdException>(() => other.Bind(IcdUnderTest.Binding(64, 64)));
        Assert.Equal(CoreErrors.RoleMissing, unknown.Code);
    }

    [Fact]
    public void A_batch_of_one_which_has_no_negatives_is_refused()
    {
        var failure = Assert.Throws<KdException>(() => new IcdUnderTest(2).Compute(Random(7, 1, 2), Random(8, 1, 2)));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("'icd' compares the samples of a batch", failure.Message);
        Assert.Contains("at least 2, got [1, 2]", failure.Message);
    }

    [Fact]
    public void Computing_before_binding_is_refused()
    {
        var loss = Stubs.Plugin<IcdLoss>(new IcdOptions());
        var failure = Assert.Throws<KdException>(() => loss.Compute(IcdUnderTest.Context(ones(2, 2), ones(2, 2))));
        Assert.Equal(CoreErrors.NotConfigured, failure.Code);
    }

    [Fact]
    public void It_leaves_no_tensor_behind()
    {
        var loss = new IcdUnderTest(3);
        void Step()
        {
            using var scope = NewDisposeScope();
            loss.Compute(Random(1, 4, 3).requires_grad_(true), Random(2, 4, 3)).backward();
        }
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 50; i++)
            Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
