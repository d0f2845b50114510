using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static KdPlugins.MosaicKd.Tests.Examples;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd.Tests;

/// <summary>Golden numbers 2 to 4 of the sheet, plain loops, and gradients.</summary>
public sealed class FormulaTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Golden_2_the_patches_losses_and_their_gradients()
    {
        var (fake, real) = (Fake.requires_grad_(true), Real.requires_grad_(true));
        var loss = MosaicKdLosses.Discriminator(fake, real, PatchReduction.Sum);
        loss.backward();
        Close([1.7232992833], loss);
        Close([0.125, 0.1827646447, 0.0672353553, 0.2201992695], fake.grad!);
        Close([-0.0298007305, -0.125, -0.0672353553, -0.1827646447], real.grad!);
        Close([1.2232992833], MosaicKdLosses.Local(Fake, PatchReduction.Sum));
    }

    [Fact]
    public void Golden_3_the_terms_of_whole_images()
    {
        Close([0.6290879461], MosaicKdLosses.Align(Teacher));
        Close([-0.2553292252], MosaicKdLosses.Adversarial(Teacher, Student));
        Close([-1.6734545908], MosaicKdLosses.Balance(Teacher));
        Close([-1.1599503314], MosaicKdLosses.Balance(Teacher) * Math.Log(2));
        Close([0.2553292252], KdMath.KlDivergence(Student, Teacher, 1));
    }

    [Fact]
    public void Golden_4_the_generators_loss_and_its_gradients()
    {
        var (teacher, student) = (Teacher.requires_grad_(true), Student.requires_grad_(true));
        var loss = MosaicKdLosses.Generator(teacher, student, Fake, 1, 1, 1, 10, PatchReduction.Sum).Total;
        loss.backward();
        Close([-15.1374879042], loss);
        Close(
            [
                1.248753786,
                -0.7918881847,
                -0.6738538817,
                0.2169882801,
                0.0085877435,
                -0.1007483748,
                -0.5582543963,
                0.6504150276,
            ],
            teacher.grad!
        );
        Close(
            [
                0.2098532209,
                -0.1862886098,
                -0.0244222985,
                0.0008576874,
                -0.0170237929,
                -0.0462754668,
                0.0030020227,
                0.0602972371,
            ],
            student.grad!
        );
    }

    [Fact]
    public void Each_weight_is_its_terms_and_without_patches_theirs_is_nothing()
    {
        var loss = MosaicKdLosses.Generator(Teacher, Student, Fake, 2, 3, 5, 7, PatchReduction.Mean);
        var (adversarial, align, local, balance) = (
            Value(loss.Adversarial),
            Value(loss.Align),
            Value(loss.Local),
            Value(loss.Balance)
        );
        Close([2 * adversarial + 3 * align + 5 * local + 7 * balance], loss.Total);
        Close([1.2232992833 / 2], loss.Local);
        var without = MosaicKdLosses.Generator(Teacher, Student, null, 2, 3, 5, 7, PatchReduction.Sum);
        Close([2 * adversarial + 3 * align + 7 * balance], without.Total);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Plain_loops_say_the_same(ulong seed)
    {
        using var random = new RandomKey(seed).NewGenerator(CPU);
        Tensor Draw(params long[] shape) => randn(shape, ScalarType.Float64, generator: random) * 3;
        var (fake, real, teacher, student) = (Draw(4, 1, 2, 3), Draw(4, 1, 2, 3), Draw(4, 5), Draw(4, 5));
        double Bce(Tensor logits, int target) => Flat(logits).Sum(x => Math.Log(1 + Math.Exp(target == 1 ? -x : x)));
        Close([(Bce(fake, 0) + Bce(real, 1)) / 8], MosaicKdLosses.Discriminator(fake, real, PatchReduction.Sum));
        Close([(Bce(fake, 0) + Bce(real, 1)) / 48], MosaicKdLosses.Discriminator(fake, real, PatchReduction.Mean));
        Close([Bce(fake, 1) / 4], MosaicKdLosses.Local(fake, PatchReduction.Sum));
        // Sets of unlike size weigh alike.
        Close(
            [(Bce(fake, 0) / 4 + Bce(real[..2], 1) / 2) / 2],
            MosaicKdLosses.Discriminator(fake, real[..2], PatchReduction.Sum)
        );
        double[][] Softmax(Tensor logits) =>
            [.. Flat(logits).Chunk(5).Select(row => row.Select(x => Math.Exp(x) / row.Sum(Math.Exp)).ToArray())];
        var (p, q) = (Softmax(teacher), Softmax(student));
        double[] entropies = [.. p.Select(row => -row.Sum(v => v * Math.Log(v)))];
        Close(entropies, MosaicKdLosses.Entropies(teacher));
        Close([entropies.Average()], MosaicKdLosses.Align(teacher));
        var divergence = p.Zip(q, (a, b) => a.Zip(b, (x, y) => x * Math.Log(x / y)).Sum()).Average();
        Close([-divergence], MosaicKdLosses.Adversarial(teacher, student));
        var mean = Enumerable.Range(0, 5).Select(c => p.Average(row => row[c]));
        Close([mean.Sum(m => m * Math.Log2(m))], MosaicKdLosses.Balance(teacher));
    }

    [Fact]
    public void Gradients_agree_with_finite_differences()
    {
        using var random = new RandomKey(5).NewGenerator(CPU);
        Tensor Draw() => randn([3, 4], ScalarType.Float64, generator: random);
        var (a, b, fake) = (Draw(), Draw(), Draw());
        void Check(Func<Tensor, Tensor> f, Tensor at) => Assert.InRange(GradientCheck.Error(f, at), 0, 1e-7);
        foreach (var reduction in Enum.GetValues<PatchReduction>())
        {
            Check(x => MosaicKdLosses.Discriminator(x, b, reduction), fake);
            Check(x => MosaicKdLosses.Discriminator(b, x, reduction), fake);
            Check(x => MosaicKdLosses.Generator(x, b, fake, 1, 2, 3, 4, reduction).Total, a);
            Check(x => MosaicKdLosses.Generator(a, x, fake, 1, 2, 3, 4, reduction).Total, b);
            Check(x => MosaicKdLosses.Generator(a, b, x, 1, 2, 3, 4, reduction).Total, fake);
        }
    }

    [Fact]
    public void A_class_that_underflows_leaves_value_and_gradient_finite()
    {
        var teacher = tensor(new float[] { 400, 0, -400 }).view(1, 3).requires_grad_(true);
        var loss = MosaicKdLosses.Generator(teacher, zeros(1, 3), null, 1, 1, 0, 10, PatchReduction.Sum).Total;
        loss.backward();
        Assert.True(double.IsFinite(Value(loss)));
        Assert.True(teacher.grad!.isfinite().all().item<bool>());
    }

    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void Half_precision_is_widened_first(ScalarType dtype)
    {
        var (fake, real) = (Fake.to(dtype), Real.to(dtype));
        var loss = MosaicKdLosses.Discriminator(fake, real, PatchReduction.Sum);
        Assert.Equal(ScalarType.Float32, loss.dtype);
        Close([1.7232992833], loss, 1e-6);
        Assert.Equal(ScalarType.Float32, MosaicKdLosses.Balance(Teacher.to(dtype)).dtype);
    }

    [Fact]
    public void The_largest_values_come_first_of_equal_ones_the_lower_number_and_too_few_come_again()
    {
        Assert.Equal([1, 3, 4], OodSubset.Largest([0.1f, 0.9f, 0.2f, 0.9f, 0.3f], 3));
        Assert.Equal([1, 0, 1], OodSubset.Largest([0.1f, 0.9f], 3));
    }
}
