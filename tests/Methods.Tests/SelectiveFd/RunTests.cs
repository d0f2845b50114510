using System.Globalization;
using System.Text.Json.Nodes;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelectiveFd.Tests;

/// <summary>Whole runs by the engine.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly TestCatalog Catalog = TestCatalog
        .Of(
            typeof(SelectiveFdStrategy).Assembly,
            typeof(NormaliseAugmentation).Assembly,
            typeof(KdLoss).Assembly,
            typeof(CifarResNetPlugin).Assembly,
            typeof(OfflineStrategy).Assembly,
            typeof(ShapesPlugin).Assembly,
            typeof(Meters.ClassificationMeter).Assembly
        )
        .With(typeof(WatchedFd));

    private const string Shapes =
        """{ "id": "shapes", "options": { "size": 8, "classes": 4, "train": 128, "test": 16 } }""";

    // Three clients of two classes, two rounds of a private step and two of distillation in each of two epochs.
    private const string Small = """
        "clients": 3, "split": "classes", "proxySamples": 40, "proxyBatch": 16, "roundsPerEpoch": 2, "distillSteps": 2,
        "auxiliary": 20, "knownShare": 0.3, "sigma": 4, "maxEntropy": 1
        """;

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(
        string options = "",
        string strategy = "selective-fd",
        string more = "",
        string models = "",
        string losses = """{ "id": "cross-entropy" }""",
        string dataset = Shapes,
        string small = Small
    ) =>
        $$"""
            { "name": "small", "seed": 3, {{more}} "dataset": {{dataset}}, "validation": { "count": 8 },
              "models": { "student": { "id": "convnet", "options": { "widths": [ 4, 4 ] } } {{models}} },
              "augmentations": { "shared": [ { "id": "horizontal-flip" }, { "id": "normalise" } ] },
              "losses": [ {{losses}} ],
              "strategy": { "id": "{{strategy}}", "options": {{Merged(small, options)}} },
              "training": { "epochs": 2, "batchSize": 8 } }
            """;

    // What options say stands in place of what the small recipe says.
    private static string Merged(string small, string options)
    {
        var merged = JsonNode.Parse($"{{{small}}}")!.AsObject();
        foreach (var (key, value) in JsonNode.Parse($"{{{options}}}")!.AsObject())
            merged[key] = value!.DeepClone();
        return merged.ToJsonString();
    }

    private List<(string Stage, long Step, IReadOnlyDictionary<string, double> Values)> Steps(string recipe, string run)
    {
        var seen = new Recorder();
        Experiment.Run(
            _runs.Read(recipe),
            _runs.Path(run),
            Catalog,
            new SessionOptions { Observer = seen, LogEvery = 1 },
            new ResumeOptions(),
            CancellationToken.None
        );
        return seen.Steps;
    }

    private string[][] Clients(string run) =>
        [
            .. File.ReadAllLines(Path.Combine(_runs.Path(run), "outputs", "clients", "clients.csv"))
                .Select(l => l.Split(',')),
        ];

    private byte[] Weights(string run, string role)
    {
        var bytes = File.ReadAllBytes(Path.Combine(_runs.Path(run), $"{role}-last.safetensors"));
        return bytes[(8 + (int)BitConverter.ToInt64(bytes))..];
    }

    [Theory]
    [InlineData("", 4 * 4 + 8)]
    [InlineData("\"sharing\": \"labels\"", 1 + 8)]
    [InlineData("\"mode\": \"fed-df\", \"clientSelector\": \"density-ratio\"", 4 * 4 + 8)]
    public void Nothing_but_predictions_crosses_and_every_byte_is_counted(string options, long bytesEach)
    {
        using var scope = NewDisposeScope();
        var steps = Steps(Recipe(options, "watched-fd"), "run");
        var sent = WatchedFd.Sent;
        string[] roles = ["student", "client-2", "client-3"];
        var masks = new Dictionary<string, bool[]>();
        var (up, down, rounds) = (roles.ToDictionary(r => r, _ => 0L), roles.ToDictionary(r => r, _ => 0L), 0);
        foreach (var (from, into, message) in sent)
        {
            var client = from == "server" ? into : from;
            Assert.Contains(client, roles);
            Assert.Equal("server", from == client ? into : from);
            switch (message)
            {
                case Message.Mask m when from == client:
                    Assert.Equal([40], m.accepted.shape);
                    masks.Add(client, m.accepted.data<bool>().ToArray());
                    up[client] += 40;
                    break;
                case Message.Draw d when from == "server":
                    Assert.Equal(16, d.samples.Distinct().Count());
                    // Only what somebody accepts is drawn.
                    Assert.All(d.samples, i => Assert.Contains(masks.Values, m => m[i]));
                    down[client] += 16 * 8;
                    rounds++;
                    break;
                case Message.Predictions p when from == client:
                    AreAnswers(p.samples, p.values);
                    Assert.All(p.samples, i => Assert.True(masks[client][i]));
                    up[client] += p.samples.Length * bytesEach;
                    break;
                case Message.Ensemble e when from == "server":
                    AreAnswers(e.samples, e.values);
                    down[client] += e.samples.Length * bytesEach;
                    break;
                default:
                    Assert.Fail($"{from} to {into}: {message}");
                    break;
            }
        }
        Assert.Equal(3, masks.Count);
        Assert.Equal(4 * 3, rounds);
        Assert.Equal(sent.Sum(s => s.Message.Bytes), up.Values.Sum() + down.Values.Sum());
        Assert.Equal(
            roles.Select(r => (r, up[r], down[r])),
            Clients("run").Skip(1).Select(c => (c[0], long.Parse(c[3]), long.Parse(c[4])))
        );
        double Total(string name) => steps.Sum(s => s.Values.GetValueOrDefault(name));
        Assert.Equal(up.Values.Sum() - 3 * 40, Total("bytes-up"));
        Assert.Equal(down.Values.Sum(), Total("bytes-down"));

        void AreAnswers(long[] samples, Tensor values)
        {
            if (bytesEach < 16)
            {
                Assert.Equal(ScalarType.Byte, values.dtype);
                Assert.Equal([samples.Length], values.shape);
                Assert.True(values.numel() == 0 || values.max().item<byte>() < 4);
                return;
            }
            Assert.Equal([samples.Length, 4], values.shape);
            Assert.Equal(ScalarType.Float32, values.dtype);
            if (!options.Contains("fed-df", StringComparison.Ordinal))
                Assert.All(values.sum(1).data<float>().ToArray(), s => Assert.Equal(1, s, 1e-5));
        }
    }

    [Fact]
    public void Golden_8_of_one_client_that_accepts_the_ensemble_is_what_it_says()
    {
        using var scope = NewDisposeScope();
        // All but the last eighth of each client's own samples lie below the threshold.
        Steps(Recipe("\"quantile\": 0.9", "watched-fd"), "run");
        var said = new Dictionary<long, List<float[]>>();
        var alone = 0;
        foreach (var (_, _, message) in WatchedFd.Sent)
            switch (message)
            {
                case Message.Draw:
                    if (said.Values.All(v => v.Count > 0))
                        said = [];
                    break;
                case Message.Predictions p:
                    for (var i = 0; i < p.samples.Length; i++)
                    {
                        if (!said.TryGetValue(p.samples[i], out var all))
                            said[p.samples[i]] = all = [];
                        all.Add(p.values[i].data<float>().ToArray());
                    }
                    break;
                case Message.Ensemble e:
                    for (var i = 0; i < e.samples.Length; i++)
                        if (said.TryGetValue(e.samples[i], out var all) && all.Count == 1)
                        {
                            Assert.Equal(all[0], e.values[i].data<float>().ToArray());
                            alone++;
                        }
                    said = [];
                    break;
            }
        Assert.True(alone > 0);
    }

    [Theory]
    [InlineData("", "float32")]
    [InlineData(
        "\"sharing\": \"labels\", \"clientSelector\": \"random\", \"components\": 3, \"sigmaUnit\": \"median\"",
        "float32"
    )]
    [InlineData("\"mode\": \"fed-md\", \"warmUpSteps\": 3", "bf16")]
    public void A_run_in_pieces_of_rounds_ends_where_the_whole_one_does(string options, string precision)
    {
        // A peer of another architecture that draws in training.
        var recipe = Recipe(
            options,
            more: $"\"precision\": \"{precision}\",",
            models: """, "client-2": { "id": "wrn", "options": { "depth": 10, "width": 1, "dropout": 0.3 } }"""
        );
        _runs.Whole(recipe, "whole");
        var (_, sittings) = _runs.Pieces(recipe, "pieces", 2);
        Assert.True(sittings > 5);
        foreach (var role in (string[])["student", "client-2", "client-3"])
            Assert.Equal(
                _runs.Sha256("whole", $"{role}-last.safetensors"),
                _runs.Sha256("pieces", $"{role}-last.safetensors")
            );
        Assert.Equal(Clients("whole"), Clients("pieces"));
    }

    [Theory]
    [InlineData("\"mode\": \"indiscriminate\"")]
    [InlineData("\"mode\": \"local\"")]
    [InlineData("\"sharing\": \"logits\"")]
    [InlineData("\"sharing\": \"labels\"")]
    [InlineData("\"maxEntropy\": 0.3")]
    [InlineData("\"temperature\": 3")]
    [InlineData("\"estimator\": \"released\"")]
    [InlineData("\"quantile\": 0.6")]
    [InlineData("\"warmUpSteps\": 1")]
    [InlineData("\"privateSteps\": 2")]
    [InlineData("\"clientSelector\": \"random\"")]
    public void Each_option_changes_what_clients_become(string option)
    {
        // Low thresholds and far points: where both estimators differ.
        const string Wide = "\"sigma\": 30";
        _runs.Whole(Recipe(Wide), "plain");
        _runs.Whole(Recipe(option, small: Merged(Small, Wide).Trim('{', '}')), "other");
        Assert.False(Weights("plain", "client-3").SequenceEqual(Weights("other", "client-3")));
    }

    [Fact]
    public void Clients_differ_from_the_start_and_each_learns_from_its_own_samples()
    {
        var steps = Steps(Recipe(), "run");
        var clients = Clients("run");
        Assert.Equal(
            ["client", "samples", "accepted", "bytes-up", "bytes-down", "class-0", "class-1", "class-2", "class-3"],
            clients[0]
        );
        Assert.Equal(80, clients.Skip(1).Sum(c => int.Parse(c[1], CultureInfo.InvariantCulture)));
        Assert.All(clients.Skip(1), c => Assert.Equal(2, c[5..].Count(n => n != "0")));
        Assert.False(Weights("run", "student").SequenceEqual(Weights("run", "client-2")));
        // The share that is accepted is what the table says, and what the run reports.
        foreach (var c in clients.Skip(1))
            Assert.Equal(
                double.Parse(c[2], CultureInfo.InvariantCulture) / 40,
                steps.First(s => s.Values.ContainsKey($"accepted.{c[0]}")).Values[$"accepted.{c[0]}"],
                6
            );
        Assert.Contains(steps, s => s.Values.ContainsKey("precision.client-2"));
        Assert.Contains(steps, s => s.Values.ContainsKey("target-accuracy"));
        Assert.InRange(steps[^1].Values["clients.accuracy"], 0, 1);
    }

    [Fact]
    public void Clients_answer_in_evaluation_mode_and_learn_in_training_mode()
    {
        using var scope = NewDisposeScope();
        var recipe = Recipe("\"mode\": \"indiscriminate\", \"proxyBatch\": 40", "watched-fd")
            .Replace(
                "\"convnet\", \"options\": { \"widths\": [ 4, 4 ] }",
                "\"digit-cnn\", \"options\": { \"dropout\": 0.9 }",
                StringComparison.Ordinal
            )
            .Replace("\"size\": 8", "\"size\": 16", StringComparison.Ordinal)
            // Nothing moves: answers of two rounds differ by what is drawn alone.
            .Replace(
                "\"batchSize\": 8",
                "\"batchSize\": 8, \"optimiser\": { \"learningRate\": 1e-12 }",
                StringComparison.Ordinal
            );
        var steps = Steps(recipe, "run");
        Tensor[] said =
        [
            .. WatchedFd
                .Sent.Where(s => s.From == "client-2" && s.Message.IsPredictions)
                .Select(s => (Message.Predictions)s.Message)
                .Select(p => p.values.index_select(0, tensor(p.samples).argsort())),
        ];
        Assert.Equal(4, said.Length);
        Assert.InRange((said[0] - said[1]).abs().max().item<float>(), 0, 1e-6f);
        // With dropout the same steps on the same proxies do not come out alike.
        double[] losses =
        [
            .. steps.Where(s => s.Values.ContainsKey("soft-cross-entropy")).Select(s => s.Values["soft-cross-entropy"]),
        ];
        Assert.Equal(8, losses.Length);
        Assert.True(losses.Max() - losses.Min() > 1e-4);
    }

    [Fact]
    public void A_random_mask_accepts_as_many()
    {
        Steps(Recipe(), "ratios");
        Steps(Recipe("\"clientSelector\": \"random\""), "random");
        Assert.Equal(Clients("ratios").Select(c => c[2]), Clients("random").Select(c => c[2]));
    }

    [Fact]
    public void Alone_nobody_says_anything()
    {
        WatchedFd.Sent = [];
        var steps = Steps(Recipe("\"mode\": \"local\"", "watched-fd"), "run");
        Assert.Empty(WatchedFd.Sent);
        // A private step for each of the rounds.
        Assert.Equal(4, steps.Count);
        Assert.All(Clients("run").Skip(1), c => Assert.Equal(["0", "0", "0"], c[2..5]));
    }

    [Fact]
    public void The_first_steps_alone_are_private_ones()
    {
        var steps = Steps(Recipe("\"mode\": \"fed-md\", \"warmUpSteps\": 3"), "run");
        var rounds = steps.Where(s => s.Stage == "rounds").ToList();
        Assert.Equal(3 + 4 * 3, rounds.Count);
        int[] exchanges = [.. Enumerable.Range(0, rounds.Count).Where(i => rounds[i].Values.ContainsKey("bytes-up"))];
        Assert.Equal([4, 7, 10, 13], exchanges);
    }

    private const string Sources = """
        "clients": 2, "split": "sources", "proxyBatch": 8, "roundsPerEpoch": 1, "distillSteps": 1, "mode": "indiscriminate"
        """;

    private static string Source(string name, int classes, int seed) =>
        $$""" "{{name}}": { "id": "shapes", "options": { "size": 8, "classes": {{classes}}, "train": 24, "seed": {{seed}} } } """;

    [Fact]
    public void Clients_and_proxies_may_have_sources_of_their_own()
    {
        var sources =
            $"\"sources\": {{ {Source("client-1", 4, 5)}, {Source("client-2", 4, 6)}, {Source("proxy", 3, 7)} }},";
        var steps = Steps(Recipe(small: Sources, more: sources), "run");
        Assert.Equal(["24", "24"], Clients("run").Skip(1).Select(c => c[1]));
        // The proxies' classes are not those of the data: nothing is said of how right anybody is.
        Assert.DoesNotContain(
            steps,
            s => s.Values.ContainsKey("target-accuracy") || s.Values.ContainsKey("precision.student")
        );
    }

    public static TheoryData<string, string, string> Refused =>
        new()
        {
            {
                Recipe("\"clients\": 60, \"split\": \"dirichlet\", \"alpha\": 0.001", small: "\"proxySamples\": 40"),
                "KDP0310",
                "needs two"
            },
            { Recipe("\"clients\": 3, \"proxySamples\": 120", small: ""), "KDP0310", "none is left" },
            { Recipe("\"clients\": 3", small: ""), "KDP0305", "proxy" },
            { Recipe("\"clients\": 2, \"classesPerClient\": 1"), "KDP0306", "deals 4 classes" },
            { Recipe("\"classesPerClient\": 5"), "KDP0306", "deals 4 classes" },
            {
                Recipe(
                    small: Sources,
                    more: $"\"sources\": {{ {Source("client-1", 4, 5)}, {Source("client-2", 3, 6)}, {Source("proxy", 4, 7)} }},"
                ),
                "KDP0303",
                "client-2"
            },
            {
                Recipe(
                    small: Sources,
                    more: $"\"sources\": {{ {Source("client-1", 4, 5)}, {Source("proxy", 4, 7)} }},"
                ),
                "KDP0305",
                "client-2"
            },
            { Recipe(losses: """{ "id": "cross-entropy" }, { "id": "kd" }"""), "KDP0332", "kd" },
            { Recipe("\"features\": \"embedding\""), "KDP0301", "extractor" },
            {
                Recipe(
                    "\"features\": \"embedding\", \"extractor\": \"client-2\"",
                    models: """, "client-2": { "like": "student" }"""
                ),
                "KDP0306",
                "for a client and"
            },
            { Recipe("\"sigma\": 1e-5, \"quantile\": 0.99"), "KDP0310", "within any client" },
            { Recipe("\"clients\": 1", small: ""), "KDP0206", "clients" },
            { Recipe("\"maxEntropy\": 0"), "KDP0206", "maxEntropy" },
            { Recipe("\"maxEntropy\": 1.5"), "KDP0206", "maxEntropy" },
            { Recipe("\"quantile\": 1"), "KDP0206", "quantile" },
            { Recipe("\"alpha\": 0"), "KDP0206", "alpha" },
            { Recipe("\"temperature\": 0"), "KDP0206", "temperature" },
            { Recipe("\"lambda\": 0"), "KDP0206", "lambda" },
            { Recipe("\"knownShare\": 1"), "KDP0206", "knownShare" },
            { Recipe("\"mode\": \"fed-avg\""), "KDP0206", "mode" },
            {
                Recipe(dataset: Shapes.Replace("\"size\"", "\"target\": \"mask\", \"size\"", StringComparison.Ordinal)),
                "KDP0304",
                "classes"
            },
        };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_cannot_work_is_refused(string recipe, string code, string said)
    {
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(recipe, "run"));
        Assert.StartsWith(code, failure.Message);
        Assert.Contains(said, failure.Message);
    }

    [Fact]
    public void A_server_that_never_keeps_anything_ends_the_run()
    {
        var recipe = Recipe("\"maxEntropy\": 0.001, \"roundsPerEpoch\": 30");
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(recipe, "run"));
        Assert.StartsWith("KDP0310 Strategy 'selective-fd' has kept none of 16 proxies in 50 rounds", failure.Message);
    }

    [Fact]
    public void A_few_steps_of_every_stage_are_a_run()
    {
        var report = _runs.Whole(Recipe(), "run", maxStepsPerStage: 2);
        Assert.Equal(4, (long)report["steps"]!);
    }

    private sealed class Recorder : IRunObserver
    {
        internal List<(string, long, IReadOnlyDictionary<string, double>)> Steps { get; } = [];

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond) =>
            Steps.Add((progress.Stage, progress.Step, values ?? new Dictionary<string, double>()));

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }
}
