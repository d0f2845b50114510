using KdPlugins.Core;
using KdPlugins.GoodDaKd.Tests.Maths;
using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd.Tests;

public class CutMixPickTests
{
    private const long Classes = 3;

    // A network whose answers depend on every pixel.
    private static ModelOutput Answer(Tensor x)
    {
        var flat = x.contiguous().flatten(1);
        using var generator = new Generator(4);
        return Stubs.Output(flat.mm(randn(flat.shape[1], Classes, generator: generator)));
    }

    private static PartContextStub Context(ulong key = 1, Func<Tensor, ModelOutput>? teacher = null) =>
        new()
        {
            Random = new RandomKey(key),
            Networks = new Dictionary<string, Func<Tensor, ModelOutput>>
            {
                [Roles.Teacher] = teacher ?? Answer,
                [Roles.Student] = x => Stubs.Output(Answer(x).Logits.flip(1) * 0.5),
            },
        };

    private static Batch Images(long count, TargetKind kind = TargetKind.ClassIndex)
    {
        using var generator = new Generator(8);
        var labels = arange(count, ScalarType.Int64).remainder(Classes);
        Target target = kind == TargetKind.None ? new NoTarget(count) : new ClassIndexTarget(labels);
        return new(rand(count, 2, 6, 5, generator: generator), target, arange(count, ScalarType.Int64) + 100);
    }

    private static CutMixPickAugmentation Make(CutMixPickOptions? options = null, DataInfo? data = null)
    {
        var made = Stubs.Plugin<CutMixPickAugmentation>(options ?? new CutMixPickOptions());
        made.Bind(data ?? Stubs.Data([2, 6, 5], Classes));
        return made;
    }

    private static double[] Floats(Tensor t) => t.to(ScalarType.Float64).contiguous().data<double>().ToArray();

    private static long[] Longs(Tensor t) => t.cpu().contiguous().data<long>().ToArray();

    [Theory]
    [InlineData("teacher-entropy")]
    [InlineData("student-entropy")]
    [InlineData("divergence")]
    [InlineData("dissimilarity")]
    public void It_agrees_with_a_plain_loop_over_what_it_drew(string criterion)
    {
        using var scope = NewDisposeScope();
        var (batch, context) = (Images(6), Context(5));
        var picked = Make(
                new()
                {
                    Rounds = 3,
                    Criterion = criterion,
                    Keep = 7,
                }
            )
            .Apply(batch, context);
        var boxes = Longs(picked.Parameters["cut-mix-pick.rectangles"]);
        var partners = Longs(picked.Parameters["cut-mix-pick.partners"]);
        var (pool, targets) = (new List<double[]>(), new List<double[]>());
        var source = Enumerable.Range(0, 6).Select(i => Floats(batch.Input[i])).ToArray();
        for (var r = 0; r < 3; r++)
        for (var i = 0; i < 6; i++)
        {
            var (image, other) = ((double[])source[i].Clone(), (int)partners[6 * r + i]);
            var pasted = 0;
            for (var c = 0; c < 2; c++)
            for (var y = boxes[4 * r]; y < boxes[4 * r + 2]; y++)
            for (var x = boxes[4 * r + 1]; x < boxes[4 * r + 3]; x++, pasted++)
                image[30 * c + 5 * y + x] = source[other][30 * c + 5 * y + x];
            pool.Add(image);
            var target = new double[Classes];
            target[i % 3] += 1 - pasted / 60.0;
            target[other % 3] += pasted / 60.0;
            targets.Add(target);
        }
        var input = stack([.. pool.Select(p => tensor(p, ScalarType.Float32))]).view(18, 2, 6, 5);
        var (teacher, student) = (Answer(input).Logits, Answer(input).Logits.flip(1) * 0.5);
        var scores = Floats(
            criterion switch
            {
                "student-entropy" => PickScores.Entropy(student),
                "divergence" => PickScores.Divergence(teacher, student, 4),
                "dissimilarity" => PickScores.Dissimilarity(teacher, Answer(batch.Input).Logits),
                _ => PickScores.Entropy(teacher),
            }
        );
        int[] rows = [.. Enumerable.Range(0, 18).OrderBy(i => scores[i]).TakeLast(7)];
        Assert.Equal(rows.Select(r => (long)r), Longs(picked.Parameters["cut-mix-pick.picked"]));
        Assert.Equal(rows.SelectMany(r => pool[r]), Floats(picked.Input));
        var soft = Floats(Assert.IsType<SoftTarget>(picked.Target).Values);
        var wanted = rows.SelectMany(r => targets[r]).ToArray();
        for (var i = 0; i < soft.Length; i++)
            Assert.Equal(wanted[i], soft[i], 6);
        Assert.Equal(rows.Select(r => r % 6 + 100L), Longs(picked.Indices));
    }

    [Fact]
    public void Golden_6_64_of_128_candidates_in_the_teachers_order()
    {
        using var scope = NewDisposeScope();
        var context = Context(1, _ => Stubs.Output(Golden.LargePool));
        var kept = Longs(Make().Apply(Images(64), context).Parameters["cut-mix-pick.picked"]);
        Assert.Equal([19, 102, 57], kept[..3]);
        Assert.Equal(3936, kept.Sum());
    }

    [Fact]
    public void Golden_6_a_pool_of_32_is_returned_whole()
    {
        using var scope = NewDisposeScope();
        var picked = Make(new() { Keep = 64 }).Apply(Images(16), Context());
        Assert.Equal(32, picked.Count);
        Assert.Equal(
            Enumerable.Range(0, 32).Select(i => (long)i),
            Longs(picked.Parameters["cut-mix-pick.picked"]).Order()
        );
        var entropies = Floats(PickScores.Entropy(Answer(picked.Input).Logits));
        Assert.Equal(entropies.Order(), entropies);
    }

    [Fact]
    public void The_same_place_draws_the_same_another_place_draws_otherwise()
    {
        using var scope = NewDisposeScope();
        var (first, again, other) = (
            Make().Apply(Images(8), Context(3)),
            Make().Apply(Images(8), Context(3)),
            Make().Apply(Images(8), Context(4))
        );
        Assert.Equal(Floats(first.Input), Floats(again.Input));
        Assert.NotEqual(Floats(first.Input), Floats(other.Input));
    }

    [Fact]
    public void The_input_stays_and_unlabelled_samples_are_picked_too()
    {
        using var scope = NewDisposeScope();
        var batch = Images(5, TargetKind.None);
        var before = Floats(batch.Input);
        var picked = Make(null, Stubs.Data([2, 6, 5], 0, TargetKind.None)).Apply(batch, Context());
        Assert.Equal(before, Floats(batch.Input));
        Assert.Equal(5, Assert.IsType<NoTarget>(picked.Target).Count);
    }

    [Fact]
    public void A_batch_of_one_has_no_partner_and_passes()
    {
        using var scope = NewDisposeScope();
        var batch = Images(1);
        Assert.Same(batch, Make().Apply(batch, Context()));
    }

    [Fact]
    public void What_it_asks_depends_on_the_criterion()
    {
        Assert.Equal(["teacher"], Make().Consults);
        Assert.Equal(["pupil"], Make(new() { Criterion = "student-entropy", Student = "pupil" }).Consults);
        Assert.Equal(["master", "student"], Make(new() { Criterion = "divergence", Teacher = "master" }).Consults);
        Assert.False(Make().InEvaluation);
    }

    [Fact]
    public void Data_that_cannot_be_mixed_is_refused()
    {
        foreach (var kind in (TargetKind[])[TargetKind.Boxes, TargetKind.Tokens])
            GroupDeviationTests.Refused(
                CoreErrors.WrongCombination,
                kind.ToString(),
                () => Make(null, Stubs.Data([2, 6, 5], 3, kind))
            );
        GroupDeviationTests.Refused(
            CoreErrors.WrongCombination,
            "how many",
            () => Make(null, Stubs.Data([2, 6, 5], 0))
        );
        using var scope = NewDisposeScope();
        var flat = new Batch(zeros(4, 30), new NoTarget(4), arange(4, ScalarType.Int64));
        GroupDeviationTests.Refused(CoreErrors.ShapesDiffer, "[4, 30]", () => Make().Apply(flat, Context()));
        var dense = Context(1, x => Stubs.Output(zeros(x.shape[0], 3, 2, 2)));
        GroupDeviationTests.Refused(CoreErrors.ShapesDiffer, "logits", () => Make().Apply(Images(4), dense));
    }

    [Fact]
    public void A_step_leaves_no_tensor_behind()
    {
        var augmentation = Make();

        void Step(ulong step)
        {
            using var scope = NewDisposeScope();
            augmentation.Apply(Images(4), Context(step));
        }

        Step(0);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (ulong step = 1; step < 40; step++)
            Step(step);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
