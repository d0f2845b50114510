using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Testing;
using KdPlugins.Torch;

namespace KdPlugins.Core.Tests.Engine.Training;

/// <summary>Stages that end before their time: because nothing becomes better, or because the time is over.</summary>
public sealed class StoppingTests : IDisposable
{
    private readonly RecipeRun _runs = new(
        EngineRun.Catalog.With(typeof(DriftingModel), typeof(HeadLoss), typeof(NearnessMeter), typeof(EndingStrategy))
    );

    public void Dispose() => _runs.Dispose();

    // 3 steps an epoch, each of which moves a drift by -0.125: a network of width 4k is nearest after k epochs.
    private static string Recipe(string stop, int width = 8, string evaluation = "", string strategy = "offline") =>
        $$"""
            { "name": "stop", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "validation": { "count": 16 }, "strategy": { "id": "{{strategy}}" },
              "models": { "teacher": { "id": "drifting" },
                          "student": { "id": "drifting", "options": { "width": {{width}} } } },
              "losses": [ { "id": "proof-head" } ],
              "evaluation": { "meters": [ { "id": "proof-nearness", "options": { "perWidth": -0.09375 } },
                                          { "id": "classification" } ] {{evaluation}} },
              "training": { "epochs": 10, "batchSize": 16, "schedule": { "name": "constant" }, {{stop}},
                            "optimiser": { "name": "sgd", "learningRate": 0.125, "momentum": 0, "weightDecay": 0 } } }
            """;

    private static string Early(string settings) => $$""" "earlyStopping": { {{settings}} } """;

    [Theory]
    [InlineData(8, "\"patience\": 1", 2, 3)]
    [InlineData(8, "\"patience\": 2", 2, 4)]
    [InlineData(12, "\"patience\": 3", 3, 6)]
    // Each epoch is nearer by 0.375, from -0.75 after the first.
    [InlineData(12, "\"patience\": 2, \"delta\": 0.37", 3, 5)]
    [InlineData(12, "\"patience\": 2, \"delta\": 0.8", 1, 3)]
    // Still becoming better at the end.
    [InlineData(40, "\"patience\": 1", 10, 10)]
    public void It_ends_so_many_epochs_after_its_best(int width, string settings, int best, int epochs)
    {
        var report = _runs.Whole(Recipe(Early(settings), width), "run");
        Assert.Equal(3 * epochs, (long)report["steps"]!);
        var ended = report["ended"]?["distil"];
        if (epochs == 10)
            Assert.Null(report["ended"]);
        else
        {
            Assert.StartsWith($"Stage 'distil' ends after epoch {epochs} of 10", (string)ended!);
            Assert.Contains($"best after epoch {best} (", (string)ended!);
        }
        Assert.Equal((string?)ended ?? "", StageText("run"));
    }

    [Fact]
    public void It_looks_at_the_value_that_is_named_whatever_chooses_the_best_state()
    {
        const string best = ", \"best\": \"accuracy\"";
        var report = _runs.Whole(Recipe(Early("\"patience\": 2, \"value\": \"nearness\""), 8, best), "run");
        Assert.Equal(3 * 4, (long)report["steps"]!);
        Assert.Contains("its nearness was best", (string)report["ended"]!["distil"]!);
    }

    [Fact]
    public void Evaluations_every_few_epochs_count_epochs()
    {
        var report = _runs.Whole(Recipe(Early("\"patience\": 3"), 8, ", \"everyEpochs\": 2"), "run");
        Assert.Equal(3 * 6, (long)report["steps"]!);
    }

    [Fact]
    public void Where_several_learn_it_waits_for_the_last_of_them()
    {
        var recipe = Recipe(Early("\"patience\": 2"))
            .Replace("\"offline\"", "\"proof-mutual\"")
            .Replace(
                "\"teacher\": {",
                "\"first\": { \"id\": \"drifting\", \"options\": { \"width\": 4 } }, \"third\": {"
            )
            .Replace("\"student\": {", "\"second\": {");
        // The first is best after 1 epoch, the others (of width 8) after 2.
        Assert.Equal(3 * 4, (long)_runs.Whole(recipe, "run")["steps"]!);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void In_pieces_it_ends_where_the_whole_run_does(int steps)
    {
        var recipe = Recipe(Early("\"patience\": 2"));
        var whole = _runs.Whole(recipe, "whole");
        var (pieces, sittings) = _runs.Pieces(recipe, "pieces", steps);
        Assert.True(sittings > 2);
        Assert.True(JsonNode.DeepEquals(whole["ended"], pieces["ended"]));
        Assert.Equal((long)whole["steps"]!, (long)pieces["steps"]!);
        foreach (var file in (string[])["student.safetensors", "student-last.safetensors"])
            Assert.Equal(_runs.Sha256("whole", file), _runs.Sha256("pieces", file));
    }

    [Fact]
    public void What_a_stage_does_at_its_end_is_done()
    {
        var recipe = Recipe(Early("\"patience\": 1"), strategy: "proof-ending");
        var report = _runs.Whole(recipe, "run");
        Assert.Equal(3 * 3, (long)report["steps"]!);
        Assert.Equal([8], EndingStrategy.Ends);
        _runs.Pieces(recipe, "pieces", 9);
        Assert.Equal([8, 8], EndingStrategy.Ends);
    }

    [Theory]
    [InlineData("\"patience\": 2, \"value\": \"nearnes\"", "", "KDP0373", "'nearnes', which nothing measures")]
    [InlineData("\"patience\": 2", ", \"everyEpochs\": 0", "KDP0210", "evaluation.everyEpochs is 0")]
    [InlineData("\"patience\": -1", "", "KDP0206", "from 0 to 1000000")]
    [InlineData("\"patience\": 2, \"delta\": -1", "", "KDP0206", "training.earlyStopping.delta")]
    [InlineData("\"patiens\": 2", "", "KDP0203", "Did you mean 'patience'?")]
    public void What_cannot_be_meant_is_refused_before_the_first_step(
        string stop,
        string evaluation,
        string code,
        string said
    )
    {
        var error = Assert.ThrowsAny<KdException>(() =>
            _runs.Whole(Recipe(Early(stop), evaluation: evaluation), "run")
        );
        Assert.Contains(code, error.Message);
        Assert.Contains(said, error.Message);
        Assert.False(Directory.Exists(System.IO.Path.Combine(_runs.Path("run"), "checkpoints", "latest")));
    }

    [Fact]
    public void A_check_says_of_a_stage_that_nothing_can_end_it()
    {
        string[] Warnings(string strategy) =>
            [
                .. Preflight
                    .Run(
                        _runs.Read(Recipe(Early("\"patience\": 2"), strategy: strategy)),
                        _runs.Catalog,
                        new() { Samples = 16, Steps = 1 }
                    )
                    .Warnings.Where(w => w.Contains("earlyStopping")),
            ];
        Assert.Contains("'blind' takes all its epochs", Assert.Single(Warnings("proof-ending")));
        Assert.Empty(Warnings("offline"));
    }

    // Each step takes a minute.
    private (JsonObject? Report, int Steps) Timed(string recipe, string name, int stopAfter = 0)
    {
        var clock = new MinuteClock();
        using var stop = new CancellationTokenSource();
        var seen = new Minutes(clock, stopAfter, stop);
        var options = new SessionOptions { Observer = seen, Clock = clock };
        var end = Experiment.Run(_runs.Read(recipe), _runs.Path(name), _runs.Catalog, options, new(), stop.Token);
        return (end.Report, seen.Steps);
    }

    [Theory]
    [InlineData(4, 5, "in epoch 2 of 10")]
    [InlineData(6.5, 8, "in epoch 3 of 10")]
    [InlineData(100, 30, "")]
    public void Its_minutes_end_it_at_a_steps_end_and_it_is_evaluated(double minutes, int steps, string place)
    {
        // The clock goes on after the step is done: the first one ends at 0.
        var (report, taken) = Timed(Recipe($"\"maxMinutes\": {minutes}"), "run");
        Assert.Equal((steps, steps), (taken, (int)(long)report!["steps"]!));
        if (place == "")
            Assert.Null(report["ended"]);
        else
            Assert.Contains(
                $"after step {steps} of 30, {place}: its training.maxMinutes of {minutes} are over",
                (string)report["ended"]!["distil"]!
            );
        Assert.Equal(-Math.Abs(0.75 - (0.125 * steps)), (double)report["student"]!["test_nearness"]!["last"]!, 5);
    }

    [Fact]
    public void A_resumed_run_counts_the_minutes_that_were_used()
    {
        var recipe = Recipe("\"maxMinutes\": 4");
        Assert.Null(Timed(recipe, "run", 3).Report);
        var (report, taken) = Timed(recipe, "run");
        // Five in all, as without a break.
        Assert.Equal((2, 5), (taken, (int)(long)report!["steps"]!));
    }

    private string StageText(string run) =>
        File.ReadLines(System.IO.Path.Combine(_runs.Path(run), "events.jsonl"))
            .Select(line => JsonNode.Parse(line)!)
            .Where(e => (string)e["kind"]! == "stage")
            .Select(e => (string?)e["text"] ?? "")
            .Single();

    private sealed class MinuteClock : TimeProvider
    {
        private long _minutes;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => 60 * Volatile.Read(ref _minutes);

        internal void Advance() => Interlocked.Increment(ref _minutes);
    }

    private sealed class Minutes(MinuteClock clock, int stopAfter, CancellationTokenSource stop) : IRunObserver
    {
        internal int Steps { get; private set; }

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
        {
            clock.Advance();
            if (++Steps == stopAfter)
                stop.Cancel();
        }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }
}
