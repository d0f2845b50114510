using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What is kept apart from training, and what is left.</summary>
public sealed class SplitTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(SplitWitness), typeof(FewSamples)));

    public void Dispose() => _runs.Dispose();

    private static ValidationSection Fraction(double fraction) => new(fraction, null, null, false);

    private static ValidationSection Count(long count) => new(null, count, null, false);

    private static long[] Numbers(IDataSource source)
    {
        var all = Enumerable.Range(0, (int)source.Count).Select(i => (long)i).ToArray();
        return source.Read(all).Indices.data<long>().ToArray();
    }

    [Fact]
    public void Each_sample_either_trains_or_validates()
    {
        var (training, validation) = Split.carve("data", Count(13), new Numbered(50));
        Assert.Equal((37, 13), (training.Count, validation.Count));
        Assert.Empty(Numbers(training).Intersect(Numbers(validation)));
        Assert.Equal(
            Enumerable.Range(0, 50).Select(i => (long)i),
            Numbers(training).Concat(Numbers(validation)).Order()
        );
        // Not the first or the last ones: files are often in the order of their classes.
        Assert.True(Numbers(validation).Min() < 25 && Numbers(validation).Max() >= 25);
        Assert.Equal(Numbers(validation), Numbers(Split.carve("data", Count(13), new Numbered(50)).Item2));
        Assert.NotEqual(Numbers(validation), Numbers(Split.carve("other", Count(13), new Numbered(50)).Item2));
    }

    [Theory]
    [InlineData(0.5, 20, 10)]
    [InlineData(0.1, 20, 2)]
    [InlineData(0.97, 20, 19)]
    [InlineData(0.1, 4, 0)]
    [InlineData(0.1, 1, 0)]
    public void A_share_is_rounded(double share, int samples, int held)
    {
        var (training, validation) = Split.carve("data", Fraction(share), new Numbered(samples));
        Assert.Equal(samples - held, training.Count);
        Assert.Equal(held, validation?.Count ?? 0);
    }

    [Fact]
    public void A_run_never_trains_on_what_it_validates_with()
    {
        _runs.Whole(Recipe(Shapes(20), """{ "count": 6 }"""), "run");
        var (trained, validated) = (SplitWitness.Trained, SplitWitness.Validated);
        Assert.Equal((14, 6), (trained.Count, validated.Count));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (long)i), trained.Concat(validated).Order());
    }

    [Theory]
    [InlineData("""{ "count": 20 }""", "20 samples", "has 20")]
    [InlineData("""{ "count": 21 }""", "21 samples", "has 20")]
    [InlineData("""{ "count": 1000000000 }""", "1000000000 samples", "has 20")]
    [InlineData("""{ "fraction": 0.99 }""", "20 samples", "has 20")]
    public void A_split_that_leaves_nothing_to_train_on_is_refused(string validation, string held, string count)
    {
        var error = Refused(Recipe(Shapes(20), validation));
        Assert.Contains(held, error);
        Assert.Contains(count, error);
    }

    // Classes in turns of 50, 30, 19 and 1 samples.
    private static int ClassOf(long index) =>
        index < 50 ? 0
        : index < 80 ? 1
        : index < 99 ? 2
        : 3;

    private static int[] Classes(IDataSource source) =>
        [.. Enumerable.Range(0, 4).Select(c => Numbers(source).Count(i => ClassOf(i) == c))];

    [Theory]
    [InlineData(10, new[] { 5, 3, 2, 0 })]
    [InlineData(1, new[] { 1, 0, 0, 0 })]
    [InlineData(50, new[] { 25, 15, 10, 0 })]
    [InlineData(96, new[] { 49, 29, 18, 0 })]
    public void Stratified_every_class_gives_its_share_and_keeps_a_sample(int count, int[] each)
    {
        var section = new ValidationSection(null, count, null, true);
        var (training, validation) = Split.carve("data", section, new Labelled());
        Assert.Equal(each, Classes(validation));
        Assert.Equal(100 - count, training.Count);
        Assert.Empty(Numbers(training).Intersect(Numbers(validation)));
        Assert.Equal(Numbers(validation), Numbers(Split.carve("data", section, new Labelled()).Item2));
        Assert.NotEqual(Numbers(validation), Numbers(Split.carve("other", section, new Labelled()).Item2));
        // Those of a class that are taken are not its first.
        Assert.NotEqual(Enumerable.Range(0, each[0]).Select(i => (long)i), Numbers(validation).Take(each[0]));
    }

    [Fact]
    public void Stratified_what_cannot_be_is_refused()
    {
        static ErrorCode Code(long count, IDataSource source) =>
            Assert
                .Throws<KdException>(() => Split.carve("data", new ValidationSection(null, count, null, true), source))
                .Code;
        Assert.Equal(CoreErrors.NoSamples, Code(98, new Labelled()));
        Assert.Equal(CoreErrors.WrongCombination, Code(10, new Numbered(100)));
        var beside = Assert.Throws<RecipeException>(() =>
            _runs.Read(Recipe(Shapes(20), """{ "split": "test", "stratified": true }"""))
        );
        Assert.Equal("validation.stratified", Assert.Single(beside.Failures).Path);
    }

    [Fact]
    public void Stratified_is_a_part_of_the_recipe_where_it_is_asked_for()
    {
        Recipe Of(string validation) => _runs.Read(Recipe(Shapes(20), validation));
        Assert.Contains("\"stratified\": true", Of("""{ "stratified": true }""").ToResolvedJson());
        Assert.Equal(0.1, Of("""{ "stratified": true }""").Validation.Fraction);
        Assert.Equal(Of("{}").Identity(), Of("""{ "fraction": 0.1, "stratified": false }""").Identity());
        Assert.NotEqual(Of("{}").Identity(), Of("""{ "stratified": true }""").Identity());
        var plain = Of("""{ "stratified": true }""").ToResolvedJson();
        Assert.Equal(plain, _runs.Read(plain).ToResolvedJson());
        // Shapes come in turns of their classes: two of the twelve have a second sample among twenty.
        _runs.Whole(Recipe(Shapes(24), """{ "count": 12, "stratified": true }"""), "run");
        Assert.Equal(12, SplitWitness.Validated.Select(i => i % 12).Distinct().Count());
    }

    private sealed class Labelled : ILabelledSource
    {
        private readonly Numbered _inner = new(100);

        public long Count => 100;

        public long ClassOf(long index) => SplitTests.ClassOf(index);

        public Batch Read(ReadOnlyMemory<long> indices) => _inner.Read(indices);
    }

    [Fact]
    public void A_source_without_samples_is_refused()
    {
        Assert.Contains("'train' has 0 samples", Refused(Recipe(Few(0, 4), """{ "split": "test" }""")));
        Assert.Contains("'test' has 0 samples", Refused(Recipe(Few(4, 0), """{ "count": 1 }""")));
    }

    [Theory]
    [InlineData(1, """{ "fraction": 0.1 }""", 1)]
    [InlineData(2, """{ "count": 1 }""", 1)]
    [InlineData(2, """{ "split": "test" }""", 64)]
    public void One_sample_is_enough_whatever_the_batch(int train, string validation, int batch)
    {
        var recipe = Recipe(Few(train, 1), validation, batch);
        Preflight.Run(_runs.Read(recipe), _runs.Catalog, new() { Steps = 2 });
        Assert.True((long)_runs.Whole(recipe, "run")["steps"]! > 0);
    }

    private string Refused(string recipe)
    {
        var check = Assert.Throws<KdException>(() => Preflight.Run(_runs.Read(recipe), _runs.Catalog, new()));
        var run = Assert.Throws<KdException>(() => _runs.Whole(recipe, "refused"));
        Assert.Equal((CoreErrors.NoSamples, CoreErrors.NoSamples), (check.Code, run.Code));
        Assert.Equal(check.Message, run.Message);
        Directory.Delete(_runs.Path("refused"), recursive: true);
        return run.Message;
    }

    private static string Shapes(int train) =>
        $$"""{ "id": "shapes", "options": { "size": 8, "train": {{train}}, "test": 8 } }""";

    private static string Few(int train, int test) =>
        $$"""{ "id": "few-samples", "options": { "train": {{train}}, "test": {{test}} } }""";

    private static string Recipe(string dataset, string validation, int batch = 1) =>
        $$"""
            { "name": "split", "dataset": {{dataset}}, "validation": {{validation}},
              "models": { "student": { "id": "tiny" } }, "strategy": { "id": "split-witness" },
              "training": { "epochs": 1, "batchSize": {{batch}} } }
            """;

    private sealed class Numbered(long count) : IDataSource
    {
        public long Count => count;

        public Batch Read(ReadOnlyMemory<long> indices) =>
            new(
                zeros(indices.Length, 3, 8, 8),
                new ClassIndexTarget(zeros(indices.Length, ScalarType.Int64)),
                tensor(indices.ToArray())
            );
    }

    public sealed record FewOptions
    {
        public int Train { get; init; }

        public int Test { get; init; }
    }

    /// <summary>As many samples as are asked for, none included.</summary>
    [KdDataset("few-samples")]
    public sealed class FewSamples : DatasetPlugin<FewOptions>
    {
        public override IDataset Open(string baseFolder) => new Opened(Options);

        private sealed class Opened(FewOptions options) : IDataset
        {
            public DataInfo Info { get; } = Stubs.Data([3, 8, 8], 1);

            public IReadOnlyCollection<string> Splits => ["train", "test"];

            public string Fingerprint => "few";

            public IDataSource Open(string split) => new Numbered(split == "train" ? options.Train : options.Test);

            public void Dispose() { }
        }
    }

    /// <summary>Writes down which samples train and which validate.</summary>
    [KdStrategy("split-witness")]
    public sealed class SplitWitness : DistillationStrategy<NoOptions>
    {
        [ThreadStatic]
        private static List<long>? _trained;

        [ThreadStatic]
        private static List<long>? _validated;

        public static List<long> Trained => _trained!;

        public static List<long> Validated => _validated!;

        public override IReadOnlyCollection<string> Needs => [Roles.Student];

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            (_trained, _validated) = ([], []);
            void See(Batch batch, List<long> seen) => seen.AddRange(batch.Indices.data<long>().ToArray());
            return
            [
                new Stage("look", StageLength.Epochs(1), step => See(step.Next("train"), Trained))
                {
                    Evaluates = [Roles.Student],
                    End = step =>
                    {
                        if (context.Sources.Contains("validation"))
                            step.Visit("validation", 0, batch => See(batch, Validated));
                    },
                },
            ];
        }
    }
}
