using KdPlugins.Core;
using KdPlugins.Testing;
using static KdPlugins.Icda.Tests.IcdGolden;
using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

/// <summary>The numbers of the released code; each test names its number in the method's specification.</summary>
public sealed class IcdGoldenTests : IDisposable
{
    private const double Digits = 1e-6;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static IcdUnderTest Of(Tensor cosines, double logScale = 1, double alpha = 0.5)
    {
        var (student, teacher) = Rows(cosines);
        var loss = new IcdUnderTest(student.shape[1], logScale, alpha);
        loss.Compute(student, teacher).backward();
        return loss;
    }

    private static void Close(double expected, double actual) => Assert.Equal(expected, actual, Digits);

    private static void Close(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        foreach (var (e, a) in expected.Zip(actual))
            Close(e, a);
    }

    [Fact]
    public void Golden_1_the_unit_matrix_at_scale_e()
    {
        var loss = Of(eye(2, dtype: ScalarType.Float64));
        Close(0.0639021, loss.Part("contrast"));
        Close(Math.Log(1 + Math.Exp(-Math.E)), loss.Part("contrast"));
        Assert.Equal(0, loss.Part("invariance"), 1e-15);
    }

    [Fact]
    public void Golden_1_beyond_the_largest_scale_the_scale_gets_no_gradient()
    {
        var loss = Of(eye(2, dtype: ScalarType.Float64), logScale: 5);
        Assert.Equal(4.53989e-5, loss.Part("contrast"), 1e-10);
        Assert.Equal([0.0], loss.Gradient("tau_raw"));
    }

    [Fact]
    public void Golden_2_equal_cosines_tell_nothing()
    {
        var loss = Of(full([4, 4], 0.25, ScalarType.Float64));
        Close(1.3862944, loss.Part("contrast"));
        Assert.Equal(0, loss.Part("invariance"), 1e-15);
    }

    [Fact]
    public void Golden_3_the_direction_of_the_divergence()
    {
        var loss = Of(Doubles(Two));
        Close(0.2827308, loss.Part("contrast"));
        Close(0.0540973, loss.Part("invariance"));
        var (student, teacher) = Rows(Doubles(Two));
        Close(0.3097794, loss.Value(student, teacher));
        var transposed = Of(Doubles(Two).t());
        Close(0.2286335, transposed.Part("contrast"));
        Close(0.0540707, transposed.Part("invariance"));
        (student, teacher) = Rows(Doubles(Two).t());
        Close(0.2556689, transposed.Value(student, teacher));
    }

    [Fact]
    public void Golden_4_values_and_gradients_of_three_samples()
    {
        var (rows, teacher) = Rows(Doubles(Three));
        var student = rows.detach().requires_grad_(true);
        var loss = new IcdUnderTest(4);
        var total = loss.Compute(student, teacher);
        total.backward();
        Close(0.2674745, loss.Part("contrast"));
        Close(0.0598711, loss.Part("invariance"));
        Close(0.2974101, total.item<double>());
        Close(ThreeStudentGradient, IcdUnderTest.Flat(student.grad!));
        Close([-0.3729426], loss.Gradient("tau_raw"));
    }

    [Fact]
    public void Golden_5_lengths_of_features_do_not_matter()
    {
        var loss = new IcdUnderTest(2);
        var (student, teacher) = (Doubles(RawStudent), Doubles(RawTeacher));
        Close(0.7505967, loss.Value(student, teacher));
        Close(0.5326883, loss.Part("contrast"));
        Close(0.4358168, loss.Part("invariance"));
        var longer = tensor(
            new[,]
            {
                { 7.0 },
                { 0.01 },
            }
        );
        Assert.Equal(loss.Value(student, teacher), loss.Value(student.mul(longer), teacher.mul(100)), 1e-12);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3.5)]
    [InlineData(20)]
    public void Golden_6_the_bias_changes_nothing(double bias)
    {
        var (student, teacher) = Rows(Doubles(Three));
        var loss = new IcdUnderTest(4);
        var expected = loss.Value(student, teacher);
        using (no_grad())
            loss["b"].fill_(bias);
        var total = loss.Compute(student, teacher);
        total.backward();
        Assert.Equal(expected, total.item<double>(), 1e-13);
        Assert.Equal(0, loss.Gradient("b")[0], 1e-15);
    }

    [Fact]
    public void Golden_6_the_order_of_samples_changes_nothing()
    {
        var (student, teacher) = Rows(Doubles(Three));
        var loss = new IcdUnderTest(4);
        var order = tensor(new long[] { 2, 0, 1 });
        Assert.Equal(
            loss.Value(student, teacher),
            loss.Value(student.index_select(0, order), teacher.index_select(0, order)),
            1e-13
        );
    }

    [Theory]
    [InlineData(4, 1.7751051, 1e-6)]
    [InlineData(1, 0.6030524, 1e-6)]
    [InlineData(1e4, 1.99999997, 1e-6)]
    public void Golden_7_the_logits_term_beside_it(double temperature, double expected, double tolerance)
    {
        var student = Doubles(
            new double[,]
            {
                { 0, 0 },
            }
        );
        var teacher = Doubles(
            new double[,]
            {
                { 4, 0 },
            }
        );
        Assert.Equal(expected, KdMath.KlDivergence(student, teacher, temperature).item<double>(), tolerance);
    }

    [Fact]
    public void Golden_9_gradients_reach_both_heads_and_the_scale_but_not_the_teacher()
    {
        var student = Doubles(RawStudent).requires_grad_(true);
        var teacher = Doubles(RawTeacher).requires_grad_(true);
        var loss = new IcdUnderTest(2);
        loss.Compute(student, teacher).backward();
        Close([-0.2710747, 0.2033060, -0.1628712, 0], IcdUnderTest.Flat(student.grad!));
        Close([-0.8132242, -1.4100413, 0.6099181, 0.8132242], loss.Gradient("embed_s.weight"));
        Close([-0.4339459, 0.2033060], loss.Gradient("embed_s.bias"));
        Close([0, 0.9132099, -1.1067495, 0], loss.Gradient("embed_t.weight"));
        Close([0.1826420, -1.1067495], loss.Gradient("embed_t.bias"));
        Close([0.4118426], loss.Gradient("tau_raw"));
        Assert.Equal(0, loss.Gradient("b")[0], 1e-15);
        Assert.Null(teacher.grad);
    }

    [Fact]
    public void Golden_9_were_the_teacher_not_detached_its_gradient_would_be_the_published_one()
    {
        var teacher = Doubles(RawTeacher).requires_grad_(true);
        var one = tensor(1.0, ScalarType.Float64);
        var similarities = IcdMath.Similarities(Doubles(RawStudent), teacher, one, one, 10);
        IcdMath.Contrast(similarities).add(IcdMath.Invariance(similarities).mul(0.5)).backward();
        Close([0, -1.1067495, 0.1826420, 0], IcdUnderTest.Flat(teacher.grad!));
    }

    [Theory]
    [InlineData(1, 0.9685051)]
    [InlineData(0, 0.5326883)]
    public void Golden_10_the_weight_of_the_invariance(double alpha, double expected) =>
        Close(expected, new IcdUnderTest(2, alpha: alpha).Value(Doubles(RawStudent), Doubles(RawTeacher)));
}
