using System.Globalization;
using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Updates of several batches: an epoch stays one pass, the gradient is the mean over all samples.</summary>
public sealed class AccumulationTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(PlainModel), typeof(AccumulatingStrategy)));

    public void Dispose() => _runs.Dispose();

    // 80 samples train.
    private static string Distil(string strategy, int batch, int accumulate, string schedule = "cosine") =>
        $$"""
            { "name": "accumulate", "dataset": { "id": "shapes", "options": { "size": 8, "train": 96, "test": 16 } },
              "validation": { "count": 16 }, "strategy": { "id": "{{strategy}}" },
              "models": { "teacher": { "id": "plain", "options": { "width": 8 } }, "student": { "id": "plain" } },
              "losses": [ { "id": "cross-entropy" } {{(strategy == "offline" ? ", { \"id\": \"kd\" }" : "")}} ],
              "training": { "epochs": 3, "batchSize": {{batch}}, "accumulate": {{accumulate}},
                            "optimiser": { "learningRate": 0.1, "weightDecay": 0.01, "clipNorm": 0.5 },
                            "schedule": { "name": "{{schedule}}", "warmup": 0.2 } } }
            """;

    // 28 samples train: 7 batches of 4.
    private static string Numbers(string form, int accumulate, int steps = 0, int epochs = 2) =>
        $$"""
            { "name": "numbers", "dataset": { "id": "shapes", "options": { "size": 8, "train": 32, "test": 8 } },
              "validation": { "count": 4 }, "models": { "student": { "id": "plain" } },
              "sources": { "other": { "id": "shapes", "options": { "size": 8, "train": 12, "test": 8 } } },
              "strategy": { "id": "accumulating", "options": { "form": "{{form}}", "steps": {{steps}} } },
              "training": { "epochs": {{epochs}}, "batchSize": 4, "accumulate": {{accumulate}} } }
            """;

    [Theory]
    [InlineData("supervised", 4)]
    [InlineData("supervised", 5)]
    [InlineData("offline", 1)]
    [InlineData("offline", 4)]
    [InlineData("offline", 5)]
    public void So_many_small_batches_are_one_large_one(string strategy, int accumulate)
    {
        var large = _runs.Whole(Distil(strategy, 4 * accumulate, 1), "large");
        var small = _runs.Whole(Distil(strategy, 4, accumulate), "small");
        foreach (var count in new[] { "steps", "samples" })
            Assert.Equal((long)large[count]!, (long)small[count]!);
        Assert.Equal(3 * 80, (long)small["samples"]!);
        Assert.Equal(3 * 80 / (4 * accumulate), (long)small["steps"]!);
        AssertClose(Weights("large"), Weights("small"), 2e-6f);
        Assert.Equal(Rates("large"), Rates("small"));
    }

    [Theory]
    [InlineData("supervised")]
    [InlineData("offline")]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string strategy)
    {
        _runs.Whole(Distil(strategy, 4, 5), "whole");
        var (_, sittings) = _runs.Pieces(Distil(strategy, 4, 5), "pieces", 5);
        Assert.True(sittings > 2);
        Assert.Equal(
            _runs.Sha256("whole", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(7)]
    [InlineData(9)]
    public void The_last_update_of_an_epoch_takes_the_batches_that_are_left(int accumulate)
    {
        var report = _runs.Whole(Numbers("inside", accumulate), "run");
        var seen = AccumulatingStrategy.Seen;
        var perEpoch = (7 + accumulate - 1) / accumulate;
        Assert.Equal((2 * perEpoch, 2 * 28), ((long)report["steps"]!, (long)report["samples"]!));
        // Every epoch takes every sample once.
        foreach (var epoch in seen.Batches.Chunk(7))
            Assert.Equal(28, epoch.SelectMany(b => b).Distinct().Count());
        var (w, at) = (0.0, 0);
        foreach (var (calls, after) in seen.Steps)
        {
            w -= seen.Batches.Skip(at).Take(calls).SelectMany(b => b).Average();
            at += calls;
            Assert.Equal(w, after, 3);
        }
        Assert.Equal(14, at);
        var rest = 7 % accumulate == 0 ? Math.Min(accumulate, 7) : 7 % accumulate;
        Assert.Equal(rest, seen.Steps[perEpoch - 1].Calls);
        Assert.Equal(Math.Min(accumulate, 7), seen.Steps[0].Calls);
    }

    [Fact]
    public void Batches_of_different_sizes_count_by_their_samples()
    {
        _runs.Whole(Numbers("growing", 3, steps: 1), "run");
        var seen = AccumulatingStrategy.Seen;
        Assert.True(seen.Batches.Select(b => b.Length).Distinct().Count() > 1);
        var mean = seen.Batches.SelectMany(b => b).Average();
        Assert.NotEqual(mean, seen.Batches.Average(b => b.Average()), 3);
        Assert.Equal(-mean, seen.Steps[0].W, 4);
    }

    [Fact]
    public void A_stage_that_counts_steps_takes_whole_groups()
    {
        var report = _runs.Whole(Numbers("inside", 5, steps: 3), "run");
        Assert.Equal((3, 3 * 5 * 4), ((long)report["steps"]!, (long)report["samples"]!));
    }

    [Fact]
    public void Each_update_of_a_step_takes_its_own_batches()
    {
        _runs.Whole(Numbers("twice", 2, steps: 2), "run");
        Assert.Equal([4, 4], AccumulatingStrategy.Seen.Steps.Select(s => s.Calls));
    }

    [Theory]
    [InlineData("outside")]
    [InlineData("apply")]
    [InlineData("read")]
    [InlineData("none")]
    public void A_step_that_would_take_the_same_batch_again_is_refused(string form)
    {
        foreach (var run in new Action<string>[] { Check, text => _runs.Whole(text, "run") })
        {
            var error = Assert.Throws<KdException>(() => run(Numbers(form, 3)));
            Assert.Equal(CoreErrors.NotAccumulated, error.Code);
            Assert.Contains("stage 'train'", error.Message);
            Assert.Contains("accumulate", error.Message);
        }
    }

    [Theory]
    [InlineData("outside", 1)]
    [InlineData("apply", 1)]
    [InlineData("beside", 3)]
    public void A_step_that_takes_every_batch_is_not(string form, int accumulate)
    {
        _runs.Whole(Numbers(form, accumulate, epochs: 1), "run");
        var train = AccumulatingStrategy.Seen.Batches.SelectMany(b => b).Count();
        // Three batches of the other source besides.
        Assert.Equal(form == "beside" ? 28 + 12 : 28, train);
    }

    private void Check(string text) =>
        Preflight.Run(_runs.Read(text), _runs.Catalog, new() { Samples = 16, Steps = 2 });

    [Theory]
    [InlineData("none")]
    [InlineData("read")]
    public void An_objective_without_a_batch_is_computed_once(string form)
    {
        _runs.Whole(Numbers(form, 4, steps: 3), "run");
        Assert.Equal([1, 1, 1], AccumulatingStrategy.Seen.Steps.Select(s => s.Calls));
    }

    [Fact]
    public void Batches_have_random_streams_of_their_own_and_their_memory_dies_with_them()
    {
        _runs.Whole(Numbers("inside", 5), "run");
        var seen = AccumulatingStrategy.Seen;
        Assert.Equal(14, seen.Streams.Distinct().Count());
        Assert.All(seen.LastIsGone, Assert.True);
    }

    [Fact]
    public void An_update_gives_the_mean_of_its_objectives()
    {
        _runs.Whole(Numbers("inside", 7, epochs: 2), "run");
        var seen = AccumulatingStrategy.Seen;
        var mean = seen.Batches.Skip(7).SelectMany(b => b).Average();
        Assert.Equal(seen.Steps[0].W * mean, seen.Value, 2);
    }

    [Fact]
    public void A_check_counts_updates_and_their_samples()
    {
        var report = Preflight.Run(
            _runs.Read(Distil("offline", 4, 12)),
            _runs.Catalog,
            new() { Samples = 16, Steps = 3 }
        );
        var stage = report.Stages.Single();
        // 20 batches: 12 and the 8 that are left.
        Assert.Equal((6, 48), (stage.Steps, stage.SamplesPerStep));
        Assert.Equal(20, report.Sources.Single(s => s.Name == "train").BatchesPerEpoch);
    }

    [Theory]
    [InlineData("multi-step")]
    [InlineData("exponential")]
    public void Rates_follow_updates_and_epochs(string schedule)
    {
        _runs.Whole(Distil("supervised", 20, 1, schedule), "large");
        _runs.Whole(Distil("supervised", 4, 5, schedule), "small");
        Assert.Equal(Rates("large"), Rates("small"));
    }

    private Dictionary<string, float[]> Weights(string run)
    {
        using var file = WeightFile.Open(System.IO.Path.Combine(_runs.Path(run), "student-last.safetensors"));
        return file.Entries.Keys.ToDictionary(key => key, key => file.ToTensor(key).data<float>().ToArray());
    }

    private static void AssertClose(
        Dictionary<string, float[]> expected,
        Dictionary<string, float[]> actual,
        float bound
    )
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (key, values) in expected)
            Assert.All(
                values.Zip(actual[key]),
                pair => Assert.True(Math.Abs(pair.First - pair.Second) <= bound, $"{key}: {pair}")
            );
    }

    // The learning rates of the log, with their steps.
    private List<string> Rates(string run) =>
        [
            .. File.ReadLines(System.IO.Path.Combine(_runs.Path(run), "events.jsonl"))
                .Select(line => JsonNode.Parse(line)!.AsObject())
                .Where(e => e["values"]?["lr.student"] is not null)
                .Select(e => string.Create(CultureInfo.InvariantCulture, $"{e["step"]} {e["values"]!["lr.student"]}")),
        ];
}
