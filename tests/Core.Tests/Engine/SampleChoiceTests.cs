using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Some samples of a source stand for all of it, also where they lie in the order of their classes.</summary>
public sealed class SampleChoiceTests : IDisposable
{
    private readonly RecipeRun _runs = new(
        EngineRun.Catalog.With(
            typeof(OrderedPlugin),
            typeof(LookingStrategy),
            typeof(StepServicesTests.PlusAugmentation)
        )
    );

    public void Dispose() => _runs.Dispose();

    private static long[] Counts(Func<long, long> label, long classes, IEnumerable<long> chosen)
    {
        var counts = new long[classes];
        foreach (var i in chosen)
            counts[label(i)]++;
        return counts;
    }

    private static void AreSamples(long[] chosen, long count, long of)
    {
        Assert.Equal(count, chosen.Length);
        Assert.Equal(chosen.Order().Distinct(), chosen);
        Assert.All(chosen, i => Assert.InRange(i, 0, of - 1));
    }

    [Theory]
    [InlineData(50)]
    [InlineData(37)]
    [InlineData(10)]
    [InlineData(999)]
    public void Every_class_has_its_share(long count)
    {
        var source = new LabelledSource(1000, i => i / 100);
        var chosen = SampleChoice.choose(source, count);
        AreSamples(chosen, count, 1000);
        Assert.All(
            Counts(source.ClassOf, 10, chosen),
            n => Assert.InRange(n, count / 10, count / 10 + Math.Sign(count % 10))
        );
        Assert.Equal(chosen, SampleChoice.choose(source, count));
    }

    [Fact]
    public void Classes_come_from_the_source_or_else_from_its_samples()
    {
        Assert.Equal([0, 1, 2], SampleClasses.Of(new LabelledSource(3, i => i), "A test"));
        var read = SampleClasses.Of(new ReadSource(1300, true), "A test");
        Assert.Equal(Enumerable.Range(0, 1300).Select(i => (long)(i % 7)), read);
        var failure = Assert.Throws<Torch.KdException>(() => SampleClasses.Of(new ReadSource(5, false), "A test"));
        Assert.StartsWith("KDP0304 A test", failure.Message);
    }

    private sealed class ReadSource(long count, bool hasClasses) : IDataSource
    {
        public long Count => count;

        public Batch Read(ReadOnlyMemory<long> indices)
        {
            var numbers = tensor(indices.ToArray());
            Target target = hasClasses ? new ClassIndexTarget(numbers.remainder(7)) : new NoTarget(indices.Length);
            return new(zeros(indices.Length, 1, 2, 2), target, numbers);
        }
    }

    [Fact]
    public void Shares_follow_the_classes_sizes()
    {
        var source = new LabelledSource(
            1000,
            i =>
                i < 900 ? 2
                : i < 990 ? 0
                : 1
        );
        Assert.Equal([9, 1, 90], Counts(source.ClassOf, 3, SampleChoice.choose(source, 100)));
    }

    // In the order of classes, and in turns that a step of 20 would follow.
    [Theory]
    [InlineData(100, 10)]
    [InlineData(1, 10)]
    public void Without_known_classes_samples_come_from_everywhere(long inARow, long classes)
    {
        var chosen = SampleChoice.choose(new PlainSource(1000), 50);
        AreSamples(chosen, 50, 1000);
        Assert.All(Counts(i => i / inARow % classes, classes, chosen), n => Assert.True(n > 0));
        // One of each stretch of 20.
        Assert.Equal(Enumerable.Range(0, 50).Select(k => (long)k), chosen.Select(i => i / 20));
    }

    private static long[] RowSums(Evaluation found) =>
        [.. found.Drawings.OfType<MatrixDrawing>().Single().Counts.Select(r => r.Sum())];

    [Fact]
    public void A_part_of_a_source_has_the_classes_of_the_whole()
    {
        var source = new LabelledSource(1000, i => i / 100);
        var odd = new SubsetSource(source, [.. Enumerable.Range(0, 500).Select(i => 2L * i + 1)]);
        var chosen = SampleChoice.choose(odd, 20);
        AreSamples(chosen, 20, 500);
        Assert.All(Counts(i => source.ClassOf(2 * i + 1), 10, chosen), n => Assert.Equal(2, n));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(long.MaxValue)]
    public void As_many_as_there_are_or_more_are_all(long count) =>
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], SampleChoice.choose(new LabelledSource(8, i => i / 4), count));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_check_scores_a_teacher_on_all_classes(bool labelled)
    {
        var report = Preflight.Run(_runs.Read(Recipe(labelled)), _runs.Catalog, new() { Samples = 24, Steps = 1 });
        Assert.Equal(24, report.Teacher.Samples);
        var rows = RowSums(report.Teacher);
        Assert.Equal(24, rows.Sum());
        Assert.All(rows, n => Assert.InRange(n, labelled ? 4 : 2, labelled ? 4 : 6));
    }

    [Fact]
    public void A_step_evaluates_and_visits_the_same_samples_of_all_classes_whatever_the_seed()
    {
        LookingStrategy.Seen.Clear();
        foreach (var seed in (int[])[1, 2])
            _runs.Whole(Recipe(true).Replace("\"seed\": 1", $"\"seed\": {seed}"), $"run-{seed}");
        var (first, second) = (LookingStrategy.Seen[0], LookingStrategy.Seen[1]);
        Assert.Equal(first.Visited, second.Visited);
        Assert.Equal(12, first.Visited.Count);
        Assert.Equal([2, 2, 2, 2, 2, 2], Counts(i => i / 20, 6, first.Visited));
        Assert.Equal([2, 2, 2, 2, 2, 2], first.Evaluated);
    }

    private static string Recipe(bool labelled) =>
        $$"""
            { "name": "ordered", "seed": 1, "device": "cpu",
              "dataset": { "id": "ordered", "options": { "labelled": {{(labelled ? "true" : "false")}} } },
              "validation": { "count": 6 },
              "models": { "teacher": { "id": "tiny" }, "student": { "id": "tiny" } },
              "strategy": { "id": "looking" }, "losses": [ { "id": "cross-entropy" } ],
              "training": { "batchSize": 8 } }
            """;

    private sealed class PlainSource(long count) : IDataSource
    {
        public long Count => count;

        public Batch Read(ReadOnlyMemory<long> indices) => throw new InvalidOperationException("Nothing is read.");
    }

    private sealed class LabelledSource(long count, Func<long, long> label) : ILabelledSource
    {
        public long Count => count;

        public long ClassOf(long index) => label(index);

        public Batch Read(ReadOnlyMemory<long> indices) => throw new InvalidOperationException("Nothing is read.");
    }

    public sealed record OrderedOptions
    {
        /// <summary>Whether the source says its classes.</summary>
        public bool Labelled { get; init; }
    }

    /// <summary>120 images of 6 classes, class by class, as a folder per class has them.</summary>
    [KdDataset("ordered")]
    public sealed class OrderedPlugin : DatasetPlugin<OrderedOptions>
    {
        public override IDataset Open(string baseFolder) => new Data(Options.Labelled);

        private sealed class Data(bool labelled) : IDataset
        {
            public DataInfo Info { get; } = new(InputKind.Image, [3, 8, 8], TargetKind.ClassIndex, 6, [], [], [], []);

            public IReadOnlyCollection<string> Splits => ["train", "test"];

            public string Fingerprint => new('1', 64);

            public IDataSource Open(string split) => labelled ? new WithClasses() : new Plain();

            public void Dispose() { }
        }

        private class Plain : IDataSource
        {
            public long Count => 120;

            public Batch Read(ReadOnlyMemory<long> indices)
            {
                var numbers = tensor(indices.ToArray());
                var labels = numbers.div(20, RoundingMode.floor);
                var images = labels.view(-1, 1, 1, 1).to(ScalarType.Float32).div(6).expand(-1, 3, 8, 8).contiguous();
                return new(images, new ClassIndexTarget(labels), numbers);
            }
        }

        private sealed class WithClasses : Plain, ILabelledSource
        {
            public long ClassOf(long index) => index / 20;
        }
    }

    /// <summary>One step that evaluates and visits 12 samples of the test set.</summary>
    [KdStrategy("looking")]
    public sealed class LookingStrategy : DistillationStrategy<NoOptions>
    {
        internal static List<(List<long> Visited, long[] Evaluated)> Seen { get; } = [];

        public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
            [new Stage("look", StageLength.Steps(1), Look) { StepsPerEpoch = 1 }];

        private static void Look(IStepContext step)
        {
            var visited = new List<long>();
            step.Visit("test", 12, batch => visited.AddRange(batch.Indices.data<long>().ToArray()));
            var found = step.Evaluate("student", "test", 12);
            Seen.Add((visited, RowSums(found)));
        }
    }
}
