using FsCheck.Xunit;
using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

public class KdLossTests
{
    // From the official code of RepDistiller and mdistiller, run in double precision on these inputs.
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

    private static Tensor Loss(Tensor student, Tensor teacher, double temperature = 4, Batch? batch = null) =>
        Make.Plugin<KdLoss>(new KdOptions { Temperature = temperature })
            .Compute(Make.Loss(student, teacher, batch ?? Make.Batch(new NoTarget(student.shape[0]))));

    [Theory]
    [InlineData(4, 0.3906891718)]
    [InlineData(1, 0.2553292252)]
    public void Golden_values_of_the_published_code(double temperature, double expected)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected, Loss(Make.Doubles(Zs), Make.Doubles(Zt), temperature).item<double>(), 1e-9);
    }

    [Fact]
    public void Without_its_scale_it_is_the_divergence_alone()
    {
        using var scope = NewDisposeScope();
        var plain = Make.Plugin<KdLoss>(new KdOptions { Temperature = 4, Scaled = false });
        var loss = plain.Compute(Make.Loss(Make.Doubles(Zs), Make.Doubles(Zt), Make.Batch(new NoTarget(2))));
        Assert.Equal(0.3906891718 / 16, loss.item<double>(), 1e-9);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void The_gradient_is_that_of_finite_differences_and_of_the_formula(double temperature)
    {
        using var scope = NewDisposeScope();
        var (student, teacher) = (Make.Doubles(Zs), Make.Doubles(Zt));
        Assert.InRange(GradientCheck.Error(s => Loss(s, teacher, temperature), student), 0, 1e-8);
        var leaf = student.clone().requires_grad_(true);
        Loss(leaf, teacher, temperature).backward();
        // t (p_S - p_T) / B
        var formula = (leaf / temperature)
            .softmax(1)
            .sub((teacher / temperature).softmax(1))
            .mul(temperature / 2)
            .detach();
        Assert.True(leaf.grad!.allclose(formula, rtol: 0, atol: 1e-12));
    }

    [Property(MaxTest = 50)]
    public bool It_is_the_plain_sum_not_negative_and_zero_for_equal_logits(int seed)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)(uint)seed, CPU);
        var student = randn([3, 5], dtype: ScalarType.Float64, generator: generator) * 3;
        var teacher = randn([3, 5], dtype: ScalarType.Float64, generator: generator) * 3;
        var expected = Enumerable
            .Range(0, 3)
            .Average(b => Numeric.Kl(Make.Flat(student[b]), Make.Flat(teacher[b]), 2.5));
        var got = Loss(student, teacher, 2.5).item<double>();
        return Math.Abs(got - expected) < 1e-10 && got >= 0 && Math.Abs(Loss(student, student).item<double>()) < 1e-12;
    }

    [Property(MaxTest = 50)]
    public bool A_constant_added_to_a_row_and_another_order_of_the_classes_change_nothing(int seed)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)(uint)seed, CPU);
        Tensor Draw(params long[] shape) => randn(shape, dtype: ScalarType.Float64, generator: generator) * 3;
        var (student, teacher) = (Draw(3, 5), Draw(3, 5));
        var plain = Loss(student, teacher).item<double>();
        var order = tensor(new long[] { 4, 2, 0, 1, 3 });
        var permuted = Loss(student.index_select(1, order), teacher.index_select(1, order)).item<double>();
        var shifted = Loss(student + Draw(3, 1), teacher + Draw(3, 1)).item<double>();
        return Math.Abs(shifted - plain) < 1e-10 && Math.Abs(permuted - plain) < 1e-12;
    }

    [Theory]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Float32)]
    public void Extreme_logits_stay_finite_in_value_and_gradient(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var student = tensor(
                new[,]
                {
                    { 1e4, -1e4, 0 },
                    { -1e4, 1e4, 0 },
                },
                type
            )
            .requires_grad_(true);
        var teacher = tensor(
            new[,]
            {
                { 1e4, -1e4, 0 },
                { 1e4, -1e4, 0 },
            },
            type
        );
        var loss = Loss(student, teacher, 1);
        loss.backward();
        // One row agrees; in the other all of the teacher's weight lies where the student has e^-20000.
        Assert.Equal(1e4, loss.to(ScalarType.Float64).item<double>(), 1e-3);
        Assert.True(student.grad!.isfinite().all().item<bool>());
    }

    [Fact]
    public void Maps_are_averaged_over_pixels()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var student = randn([2, 3, 2, 4], ScalarType.Float64);
        var teacher = randn([2, 3, 2, 4], ScalarType.Float64);
        Tensor Rows(Tensor map) => map.permute(0, 2, 3, 1).reshape(16, 3);
        var expected = Loss(Rows(student), Rows(teacher)).item<double>();
        Assert.Equal(expected, Loss(student, teacher).item<double>(), 1e-12);
    }

    [Fact]
    public void Tokens_that_the_mask_hides_do_not_count()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var student = randn([2, 3, 5], ScalarType.Float64);
        var teacher = randn([2, 3, 5], ScalarType.Float64);
        var mask = tensor(
            new[,]
            {
                { true, true, false },
                { true, false, false },
            }
        );
        var batch = new Batch(zeros(2, 3), mask, new NoTarget(2), arange(2, ScalarType.Int64), null);
        double One(int b, int l) => Numeric.Kl(Make.Flat(student[b][l]), Make.Flat(teacher[b][l]), 4);
        var expected = (One(0, 0) + One(0, 1) + One(1, 0)) / 3;
        Assert.Equal(expected, Loss(student, teacher, 4, batch).item<double>(), 1e-12);
    }

    [Fact]
    public void Half_precision_logits_are_widened_before_the_softmax()
    {
        using var scope = NewDisposeScope();
        // Every value of the example has an exact bfloat16 form, so widening loses nothing.
        Tensor In(double[,] values, ScalarType type) => tensor(values, type);
        var half = Loss(In(Zs, ScalarType.BFloat16), In(Zt, ScalarType.BFloat16));
        Assert.Equal(ScalarType.Float32, half.dtype);
        var single = Loss(In(Zs, ScalarType.Float32), In(Zt, ScalarType.Float32));
        Assert.Equal(single.item<float>(), half.item<float>());
    }

    [Fact]
    public void Class_counts_that_differ_are_found_when_the_loss_is_bound()
    {
        var shapes = new Dictionary<string, NetworkShape>
        {
            ["teacher"] = new([3, 8, 8], 100, 0, []),
            ["student"] = new([3, 8, 8], 10, 0, []),
        };
        var loss = Make.Plugin<KdLoss>(new KdOptions());
        var failure = Assert.Throws<KdException>(() =>
            loss.Bind(new LossBinding(shapes, Stubs.Data([3, 8, 8], 10), 100, CPU))
        );
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("100 classes", failure.Message);
    }

    [Fact]
    public void Logits_of_different_shapes_are_named_with_both_shapes()
    {
        using var scope = NewDisposeScope();
        var failure = Assert.Throws<KdException>(() => Loss(zeros(2, 4), zeros(2, 5)));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("[2, 4]", failure.Message);
        Assert.Contains("[2, 5]", failure.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void The_shared_maths_refuses_a_temperature_that_is_not_above_zero(double temperature)
    {
        using var scope = NewDisposeScope();
        var failure = Assert.Throws<KdException>(() => KdMath.KlDivergence(zeros(1, 2), zeros(1, 2), temperature));
        Assert.Equal(TorchErrors.BadArgument, failure.Code);
        Assert.False(Make.Passes(new KdOptions { Temperature = temperature }));
    }
}
