using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>How many samples an evaluation takes at once.</summary>
public sealed class EvaluationBatchTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(PlainModel), typeof(ReadWitness)));

    public void Dispose()
    {
        _runs.Dispose();
        ReadWitness.Reads.Clear();
    }

    private static string Recipe(int size, string batch, int validation = 130) =>
        $$"""
            { "name": "evaluated", "strategy": { "id": "supervised" }, "losses": [ { "id": "cross-entropy" } ],
              "dataset": { "id": "read-witness", "options": { "size": {{size}}, "validation": {{validation}} } },
              "validation": { "split": "test" }, "models": { "student": { "id": "plain" } },
              "training": { "epochs": 1, "batchSize": 4 }, "evaluation": { {{batch}} } }
            """;

    [Theory]
    [InlineData(8, "", new[] { 130 })]
    [InlineData(64, "", new[] { 130 })]
    [InlineData(96, "", new[] { 113, 17 })]
    [InlineData(224, "\"batchSize\": 0", new[] { 20, 20, 20, 20, 20, 20, 10 })]
    [InlineData(96, "\"batchSize\": 130", new[] { 130 })]
    [InlineData(8, "\"batchSize\": 50", new[] { 50, 50, 30 })]
    public void Large_images_come_in_small_batches_unless_the_recipe_says_how_many(
        int size,
        string batch,
        int[] expected
    )
    {
        _runs.Whole(Recipe(size, batch), "run");
        // Once after the epoch, and for the report the last state and the best one.
        Assert.Equal([.. expected, .. expected, .. expected], ReadWitness.Reads);
    }

    [Fact]
    public void Results_do_not_depend_on_it()
    {
        double[] Of(string batch)
        {
            var student = _runs.Whole(Recipe(8, batch), $"run-{batch.Length}")["student"]!;
            return [(double)student["test_accuracy"]!["last"]!, (double)student["test_loss"]!["last"]!];
        }

        var (one, other) = (Of(""), Of("\"batchSize\": 7"));
        Assert.Equal(one[0], other[0], 12);
        Assert.Equal(one[1], other[1], 6);
    }

    [Fact]
    public void A_check_meets_a_batch_as_large_as_the_runs()
    {
        Preflight.Run(_runs.Read(Recipe(8, "\"batchSize\": 700", 800)), _runs.Catalog, new() { Steps = 2 });
        Assert.Contains(700, ReadWitness.Reads);
    }

    public sealed record WitnessOptions
    {
        public int Size { get; init; } = 8;

        public int Validation { get; init; } = 130;
    }

    /// <summary>Images of noise whose reads of the split test are written down.</summary>
    [KdDataset("read-witness")]
    public sealed class ReadWitness : DatasetPlugin<WitnessOptions>
    {
        public static List<int> Reads { get; } = [];

        public override IDataset Open(string baseFolder) => new Opened(Options);

        private sealed class Opened(WitnessOptions options) : IDataset
        {
            public DataInfo Info { get; } = Stubs.Data([1, options.Size, options.Size], 3);

            public IReadOnlyCollection<string> Splits => ["train", "test"];

            public string Fingerprint => "witness";

            public IDataSource Open(string split) =>
                split == "train"
                    ? new Noise(8, options.Size, null)
                    : new Noise(options.Validation, options.Size, Reads);

            public void Dispose() { }
        }

        private sealed class Noise(long count, int size, List<int>? reads) : IDataSource
        {
            public long Count => count;

            public Batch Read(ReadOnlyMemory<long> indices)
            {
                if (reads is not null)
                    lock (reads)
                        reads.Add(indices.Length);
                var numbers = tensor(indices.ToArray());
                var values = numbers.to_type(ScalarType.Float32).mul(0.7).sin().abs().view(-1, 1, 1, 1);
                return new(
                    values.expand(-1, 1, size, size).clone(),
                    new ClassIndexTarget(numbers.remainder(3)),
                    numbers
                );
            }
        }
    }
}
