using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static KdPlugins.Rdd.Tests.Examples;
using static TorchSharp.torch;

namespace KdPlugins.Rdd.Tests;

/// <summary>The golden numbers of the sheet, plain loops, and gradients.</summary>
public sealed class FormulaTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static void Close(double expected, double actual) => Assert.Equal(expected, actual, 1e-9);

    private static Tensor Noise(ulong seed, params long[] shape)
    {
        using var _ = KdPlugins.Torch.RandomScope.Use(seed);
        return randn(shape, ScalarType.Float64);
    }

    private static ClassMapTarget Map(long classes, params long[] shape)
    {
        using var _ = KdPlugins.Torch.RandomScope.Use(5);
        var labels = randint(0, classes + 1, shape, ScalarType.Int64);
        return new(labels.masked_fill(labels.eq(classes), 255), 255);
    }

    [Fact]
    public void Golden_1_heads_that_agree_weigh_every_pixel_alike()
    {
        var (target, student) = (Map(3, 2, 5, 6), Heads(Noise(1, 2, 3, 5, 6), Noise(2, 2, 3, 5, 6)));
        var same = Noise(3, 2, 3, 5, 6);
        var (main, aux) = (
            RddMath.PixelLosses(student.Logits, target, true).mean().item<double>(),
            RddMath.PixelLosses(student.Feature("aux"), target, true).mean().item<double>()
        );
        Close(main + 0.4 * aux, Tfe(student, Heads(same, same), target));
    }

    [Fact]
    public void Golden_2_one_pixel()
    {
        static Tensor Pixel(double a, double b) => tensor((double[])[a, b]).view(1, 2, 1, 1);
        var target = new ClassMapTarget(zeros([1, 1, 1], ScalarType.Int64), -1);
        var (main, aux) = (Pixel(2, 0), Pixel(1, 0));
        Close(0.0826077449, RddMath.Disagreement(main, aux).item<double>());
        Close(0.0671307545, RddMath.Disagreement(aux, main).item<double>());
        Close(0.9207122305, RddMath.Weights(main, aux, target, true).item<double>());
        var student = Pixel(.3, -.2);
        Close(0.6110838685, Tfe(Heads(student, student), Heads(main, aux), target));
        Close(0.1683445901, KdMath.KlDivergences(student, main, 1).mean().item<double>());
    }

    [Theory]
    [InlineData(0, "0110/0001/0100", "0011/0101/0000")]
    [InlineData(3, "0110/0001/0100", "0011/0101/0000")]
    [InlineData(8, "0111/1001/0111", "0111/0101/0111")]
    public void Golden_3_hard_pixels(long kept, string student, string teacher)
    {
        string Hard(Tensor logits) =>
            InRows(RddMath.Hard(RddMath.PixelLosses(logits, Labelled, true), Labelled, 0.7, kept));
        Assert.Equal(student, Hard(Student));
        Assert.Equal(teacher, Hard(Teacher));
    }

    [Theory]
    [InlineData(3, Selection.Xor, 0.3441355174)]
    [InlineData(3, Selection.Or, 0.6983254644)]
    [InlineData(3, Selection.And, 1.4067053584)]
    [InlineData(3, Selection.Ohem, 0.9805183353)]
    [InlineData(8, Selection.Xor, 0.1965212941)]
    [InlineData(8, Selection.Or, 0.5588091641)]
    [InlineData(8, Selection.And, 0.6623199842)]
    [InlineData(8, Selection.Ohem, 0.6154902452)]
    public void Golden_3_the_loss_over_them(int kept, Selection selection, double loss) =>
        Close(
            loss,
            Tse(Heads(Student), Heads(Teacher), Labelled, new() { MinKeptPixels = kept, Selection = selection })
        );

    // The published code divides by nothing there, or ends with an undefined mask.
    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(1000)]
    public void Golden_3_an_empty_choice_is_a_loss_of_zero_with_a_gradient_of_zero(int kept)
    {
        var student = Student.requires_grad_(true);
        var loss = Stubs
            .Plugin<TseLoss>(new TseOptions { MinKeptPixels = kept })
            .Compute(new LossContextStub(Heads(student), Heads(Teacher), Batch(Labelled)));
        loss.backward();
        Assert.Equal(0, loss.item<double>());
        Assert.Equal(0, student.grad!.abs().sum().item<double>());
    }

    [Fact]
    public void Golden_3_a_student_that_is_the_teacher_has_nothing_to_learn() =>
        Assert.Equal(0, Tse(Heads(Student), Heads(Student), Labelled, new() { MinKeptPixels = 3 }));

    // One empty mask makes the published loss NaN; here the other head goes on.
    [Fact]
    public void An_empty_choice_of_one_head_leaves_the_other() =>
        Close(
            0.3441355174,
            Tse(Heads(Student, Student), Heads(Teacher, Student), Labelled, new() { MinKeptPixels = 3 })
        );

    [Fact]
    public void Golden_4_both_heads()
    {
        var (student, teacher) = (Heads(Student, Student * .5), Heads(Teacher, Teacher * .5));
        var weights = RddMath.Weights(teacher.Logits, teacher.Feature("aux"), Labelled, true);
        double[] row = [0.87817439, 0.91180282, 0.98859915, 0.99497055];
        Assert.All(
            row.Zip(weights[0, 0].data<double>().ToArray()),
            pair => Assert.Equal(pair.First, pair.Second, 1e-8)
        );
        Close(0.5822803070, Tfe(student, teacher, Labelled));
        Close(0.5268526297, Tse(student, teacher, Labelled, new() { MinKeptPixels = 3 }));
        var kd = Stubs.Plugin<KdLoss>(new KdOptions { Temperature = 1 });
        Close(0.1872796768, kd.Compute(new LossContextStub(student, teacher, Batch(Labelled))).item<double>());
    }

    [Fact]
    public void Golden_5_the_rate_of_an_iteration() =>
        Close(0.0183724574, 0.02 * KdPlugins.Torch.Optim.Schedule.Polynomial(0.9).Multiplier(9, 100));

    [Fact]
    public void Golden_6_the_choices()
    {
        var (a, b) = (tensor((bool[])[true, true, false, false]), tensor((bool[])[true, false, true, false]));
        bool[] Of(Selection selection) => RddMath.Select(a, b, selection).data<bool>().ToArray();
        Assert.Equal([false, true, true, false], Of(Selection.Xor));
        Assert.Equal([true, true, true, false], Of(Selection.Or));
        Assert.Equal([true, false, false, false], Of(Selection.And));
        Assert.Equal([true, true, false, false], Of(Selection.Ohem));
    }

    [Fact]
    public void Golden_7_ignored_pixels_count_in_the_first_denominator_alone()
    {
        var (other, teacher) = (Student.clone(), Heads(Teacher, Teacher * .5));
        other[0, .., 1, 2] = tensor((double[])[-7, 9]);
        var options = new TseOptions { MinKeptPixels = 3 };
        Close(Tse(Heads(Student), teacher, Labelled, options), Tse(Heads(other), teacher, Labelled, options));
        var all = Tfe(Heads(Student), teacher, Labelled);
        Close(all, Tfe(Heads(other), teacher, Labelled));
        Close(all * 12 / 11, Tfe(Heads(Student), teacher, Labelled, new() { Mean = WeightedMean.Valid }));
    }

    [Theory]
    [InlineData(9, 1)]
    [InlineData(10, 1)]
    [InlineData(55, .5)]
    [InlineData(100, 0)]
    public void Golden_8_the_soft_switch(long iteration, double share) =>
        Close(share, RddMath.FirstShare(iteration, 10, 100));

    [Fact]
    public void Golden_8_its_parts()
    {
        var (student, teacher) = (Heads(Student, Student), Heads(Teacher, Teacher * .5));
        Close(0.5690941203, Tfe(student, teacher, Labelled));
        Close(0.4805392084, Tse(student, teacher, Labelled, new() { MinKeptPixels = 3 }));
    }

    // Of maps at a stride of 2, class weights and an own ignored class, in plain numbers.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_second_phase_is_a_plain_loop(bool alignCorners)
    {
        var target = Map(3, 2, 6, 8);
        var (student, teacher) = (Noise(1, 2, 3, 3, 4), Noise(2, 2, 3, 3, 4) * 2);
        double[] weights = [1, 2, .5];
        var options = new TseOptions
        {
            MinKept = .3,
            ClassWeights = weights,
            AlignCorners = alignCorners,
        };
        Tensor Large(Tensor x) =>
            nn.functional.interpolate(x, size: [6, 8], mode: InterpolationMode.Bilinear, align_corners: alignCorners);
        var (own, other) = (Plain(Large(student), target), Plain(Large(teacher), target));
        var labels = target.Labels.flatten().data<long>().ToArray();
        var kept = (int)Math.Ceiling(.3 * labels.Length);
        double Theta(double[] p) => Math.Max(.7, p.Order().ElementAt(kept - 1));
        var (sum, total) = (0.0, 0.0);
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] == 255 || own[i] <= Theta(own) == other[i] <= Theta(other))
                continue;
            sum -= weights[labels[i]] * Math.Log(own[i]);
            total += weights[labels[i]];
        }
        Assert.True(total > 3);
        Close(sum / total, Tse(Heads(student), Heads(teacher), target, options));
    }

    // The probability of each pixel's class, 1 where it does not count.
    private static double[] Plain(Tensor logits, ClassMapTarget target)
    {
        var p = logits.softmax(1).permute(0, 2, 3, 1).contiguous().data<double>().ToArray().Chunk(3).ToArray();
        return [.. target.Labels.flatten().data<long>().ToArray().Select((y, i) => y == 255 ? 1 : p[i][y])];
    }

    [Fact]
    public void The_first_phase_is_a_plain_loop()
    {
        var target = Map(3, 2, 4, 4);
        var (student, main, aux) = (Noise(1, 2, 3, 4, 4), Noise(2, 2, 3, 4, 4), Noise(3, 2, 3, 4, 4));
        var p = Plain(student, target);
        double[][] Rows(Tensor x) =>
            x.softmax(1).permute(0, 2, 3, 1).contiguous().data<double>().ToArray().Chunk(3).ToArray();
        var (m, a) = (Rows(main), Rows(aux));
        var mean = p.Select((q, i) => -Math.Log(q) * Math.Exp(-a[i].Zip(m[i], (s, t) => s * Math.Log(s / t)).Sum()))
            .Average();
        Close(mean, Tfe(Heads(student), Heads(main, aux), target));
    }

    [Fact]
    public void An_auxiliary_head_of_another_size_is_brought_to_the_main_ones()
    {
        var target = Map(3, 2, 8, 8);
        var (main, aux) = (Noise(2, 2, 3, 8, 8), Noise(3, 2, 3, 4, 4));
        var large = nn.functional.interpolate(aux, size: [8, 8], mode: InterpolationMode.Bilinear, align_corners: true);
        var student = Heads(Noise(1, 2, 3, 8, 8), Noise(4, 2, 3, 4, 4));
        Close(Tfe(student, Heads(main, large), target), Tfe(student, Heads(main, aux), target));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gradients_are_those_of_finite_differences(bool first)
    {
        var target = Map(3, 2, 5, 4);
        var teacher = Heads(Noise(2, 2, 3, 3, 2), Noise(3, 2, 3, 3, 2));
        var loss = first
            ? (IDistillationLoss)Stubs.Plugin<TfeLoss>(new TfeOptions())
            : Stubs.Plugin<TseLoss>(new TseOptions { ClassWeights = [1, 2, 3] });
        Tensor Of(Tensor x) => loss.Compute(new LossContextStub(Heads(x[0], x[1]), teacher, Batch(target)));
        Assert.True(GradientCheck.Error(Of, Noise(1, 2, 2, 3, 3, 2)) < 1e-7);
    }

    [Fact]
    public void Nothing_goes_to_the_teacher()
    {
        var (main, aux) = (Teacher.requires_grad_(true), (Teacher * .5).detach().requires_grad_(true));
        var student = Student.requires_grad_(true);
        foreach (
            var loss in (IDistillationLoss[])
                [Stubs.Plugin<TfeLoss>(new TfeOptions()), Stubs.Plugin<TseLoss>(new TseOptions())]
        )
            loss.Compute(new LossContextStub(Heads(student, student * 2), Heads(main, aux), Batch(Labelled)))
                .backward();
        Assert.Null(main.grad);
        Assert.Null(aux.grad);
        Assert.True(student.grad!.abs().sum().item<double>() > 0);
    }

    [Theory]
    [InlineData("rows")]
    [InlineData("classes")]
    [InlineData("samples")]
    [InlineData("large")]
    [InlineData("one class")]
    public void Heads_that_do_not_fit_are_refused(string what)
    {
        var sound = Noise(1, 2, 3, 4, 4);
        var wrong = what switch
        {
            "rows" => Noise(2, 2, 3),
            "classes" => Noise(2, 2, 4, 4, 4),
            "samples" => Noise(2, 3, 3, 4, 4),
            "large" => Noise(2, 2, 3, 5, 4),
            _ => Noise(2, 2, 1, 4, 4),
        };
        var target = Map(3, 2, 4, 4);
        var (fits, fails) = (Heads(sound, sound), (ModelOutput[])[Heads(wrong, sound), Heads(sound, wrong)]);
        foreach (var odd in fails)
        foreach (var (student, teacher) in ((ModelOutput, ModelOutput)[])[(odd, fits), (fits, odd)])
        {
            Assert.Equal("KDP0303", Assert.Throws<KdException>(() => Tfe(student, teacher, target)).Code.Id);
            Assert.Equal("KDP0303", Assert.Throws<KdException>(() => Tse(student, teacher, target, new())).Code.Id);
        }
        Assert.Equal("KDP0302", Assert.Throws<KdException>(() => Tfe(fits, Heads(sound), target)).Code.Id);
    }

    [Fact]
    public void Half_precision_is_widened_before_the_softmax()
    {
        var target = Map(3, 2, 5, 6);
        var (student, teacher) = (Noise(1, 2, 3, 5, 6), Noise(2, 2, 3, 5, 6));
        double Of(ScalarType dtype)
        {
            var heads = Heads(student.to(dtype), (student * .5).to(dtype));
            var taught = Heads(teacher.to(dtype), (teacher * .5).to(dtype));
            var loss = Stubs
                .Plugin<TfeLoss>(new TfeOptions())
                .Compute(new LossContextStub(heads, taught, Batch(target)));
            Assert.NotEqual(ScalarType.BFloat16, loss.dtype);
            return loss.to(ScalarType.Float64).item<double>();
        }
        Assert.Equal(Of(ScalarType.Float64), Of(ScalarType.BFloat16), 0.02);
    }
}
