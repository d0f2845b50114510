using System.Runtime.CompilerServices;
using System.Text.Json;
using KdPlugins.AugKd;
using KdPlugins.Augmentations;
using KdPlugins.BackwardPass;
using KdPlugins.Core;
using KdPlugins.DataFree;
using KdPlugins.Datasets;
using KdPlugins.Frskd;
using KdPlugins.Generators;
using KdPlugins.GoodDaKd;
using KdPlugins.Icda;
using KdPlugins.Infer;
using KdPlugins.KrrSt;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.MosaicKd;
using KdPlugins.Rdd;
using KdPlugins.SelectiveFd;
using KdPlugins.SelfSupervised;
using KdPlugins.Sokd;
using KdPlugins.SpeculativeKd;
using KdPlugins.Sre2l;
using KdPlugins.Strategies;
using KdPlugins.Testing;

namespace KdPlugins.Methods.Tests.Recorded;

/// <summary>
/// What the methods report in the first steps of every stage, against what was recorded when their formulas had been held against the
/// papers' numbers: how stages are wired, which no formula shows. With <c>KD_RECORD=1</c> the file is written anew.
/// </summary>
/// <remarks>
/// Another processor rounds otherwise, and steps add up what that makes; a wrong wire changes far more than the share that is let pass.
/// </remarks>
public sealed class RecordedStepsTests : IDisposable
{
    private const int StepsPerStage = 4;
    private const double Share = 5e-3;

    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(AugKdStrategy).Assembly,
        typeof(BackwardPassStrategy).Assembly,
        typeof(DataFreeStrategy).Assembly,
        typeof(FrskdStrategy).Assembly,
        typeof(GoodDaKdStrategy).Assembly,
        typeof(IcdaStrategy).Assembly,
        typeof(InferStrategy).Assembly,
        typeof(KrrStStrategy).Assembly,
        typeof(MosaicKdStrategy).Assembly,
        typeof(RddStrategy).Assembly,
        typeof(SelectiveFdStrategy).Assembly,
        typeof(SokdStrategy).Assembly,
        typeof(SpeculativeKdStrategy).Assembly,
        typeof(Text.Gpt2Plugin).Assembly,
        typeof(Sre2lStrategy).Assembly,
        typeof(TwoViewsStrategy).Assembly,
        typeof(UpsampleGenerator).Assembly,
        typeof(NormaliseAugmentation).Assembly,
        typeof(KdLoss).Assembly,
        typeof(CifarResNetPlugin).Assembly,
        typeof(OfflineStrategy).Assembly,
        typeof(ShapesPlugin).Assembly,
        typeof(Meters.ClassificationMeter).Assembly
    );

    private const string Net = """{ "id": "cifar-resnet", "options": { "depth": 8 } }""";
    private const string Flip = """{ "id": "horizontal-flip" }, { "id": "normalise" }""";
    private const string Soft = """{ "id": "kd", "options": { "temperature": 30, "scaled": false } }""";
    private const string Pair = $"\"teacher\": {Net}, \"student\": {Net}";
    private const string Kd = """{ "id": "cross-entropy" }, { "id": "kd" }""";

    private static readonly Dictionary<string, string> Recipes = new()
    {
        ["aug-kd"] = Recipe(
            Pair,
            $$""" "shared": [ { "id": "horizontal-flip" } ], "teacher": [ { "id": "normalise" } ], "student": [ { "id": "normalise" } ] """,
            """{ "id": "aug-kd-mix" }""",
            """
            "aug-kd", "options": { "generatorEpochs": 3, "stepsPerEpoch": 1, "innerSteps": 2, "encoderWidth": 4, "anchorEpochs": 3,
                                   "norms": 1, "diversity": 1 }
            """,
            """ "generators": { "main": { "id": "upsample-generator", "options": { "latent": 6, "width": 8 } } }, """
        ),
        ["backward-pass-kd"] = Recipe(
            Pair,
            $"\"shared\": [ {Flip} ]",
            Kd,
            """ "backward-pass-kd", "options": { "epochsPerRound": 1, "steps": 2 } """
        ),
        ["data-free cmi"] = DataFree("cmi", "\"steps\": 2, \"warmUp\": 2, \"bank\": 24, \"bankBatch\": 8"),
        ["data-free dafl"] = DataFree("dafl", ""),
        ["data-free deep-inversion"] = DataFree("deep-inversion", "\"steps\": 2, \"warmUp\": 2"),
        ["data-free dfad"] = DataFree("dfad", ""),
        ["data-free dfq"] = DataFree("dfq", "\"normMomentum\": 0.5"),
        ["data-free fast"] = DataFree("fast", "\"steps\": 2, \"warmUp\": 3"),
        ["data-free fast-meta"] = DataFree("fast-meta", "\"steps\": 2, \"warmUp\": 3, \"resetAt\": 2"),
        ["data-free zskd"] = DataFree("zskd", "\"steps\": 2, \"warmUp\": 2"),
        ["data-free zskt"] = DataFree("zskt", ""),
        ["frskd"] = Recipe(
            $"\"student\": {Net}",
            $"\"student\": [ {Flip} ]",
            """{ "id": "cross-entropy" }, { "id": "kd", "weight": 2 }, { "id": "frskd-features" }""",
            """ "frskd", "options": { "width": 1, "depth": 1 } """
        ),
        ["good-da-kd"] = Recipe(
            Pair,
            $$""" "shared": [ {{Flip}} ], "student": [ { "id": "cut-mix-pick" } ] """,
            Kd,
            "\"good-da-kd\""
        ),
        ["icda"] = Recipe(
            Pair,
            $$""" "teacher": [ {{Flip}} ], "student": [ {{Flip}}, { "id": "cutmix" } ] """,
            $$"""{{Kd}}, { "id": "icd" }""",
            "\"icda\""
        ),
        ["infer"] = Recipe(
            $$""" "one": {{Net}}, "two": {{Net}}, "student": {{Net}} """,
            """ "shared": [ { "id": "normalise" } ], "student": [ { "id": "random-crop" }, { "id": "mixup" } ] """,
            Soft,
            """ "infer", "options": { "teachers": [ "one", "two" ], "imagesPerClass": 3, "iterations": 2, "jitter": 2 } """
        ),
        ["krr-st"] = Recipe(
            $$""" "student": {{Net}}, "target": {{Net}}, "teacher": {{Net}} """,
            $$""" "student": [ {{Flip}} ], "target": [ {{Flip}} ], "teacher": [ { "id": "normalise" } ] """,
            """{ "id": "cross-entropy" }""",
            """
            "krr-st", "options": { "images": 24, "pool": { "networks": 2, "steps": 3 }, "preTrain": { "epochs": 2 },
                                   "distil": { "steps": 4, "batch": 24, "learningRate": 0.01 } }
            """
        ),
        ["mosaic-kd"] = Recipe(
            Pair,
            $$""" "shared": [ {{Flip}} ] """,
            """{ "id": "kd", "options": { "temperature": 1 } }""",
            """ "mosaic-kd", "options": { "keep": 48, "innerSteps": 2, "discriminatorWidth": 4, "local": 2 } """,
            """
            "generators": { "main": { "id": "mosaic-generator", "options": { "latent": 6, "width": 2 } } },
            "sources": { "ood": { "id": "shapes", "options": { "size": 8, "classes": 4, "firstClass": 4, "train": 64 } } },
            """
        ),
        ["rdd"] = Maps("\"warmUp\": 0.5"),
        ["rdd soft"] = Maps("\"warmUp\": 0.2, \"switch\": \"soft\""),
        ["selective-fd"] = Recipe(
            $"\"student\": {Net}",
            $"\"shared\": [ {Flip} ]",
            """{ "id": "cross-entropy" }""",
            """
            "selective-fd", "options": { "clients": 3, "split": "classes", "proxySamples": 24, "proxyBatch": 12, "distillSteps": 2,
                                         "roundsPerEpoch": 2, "auxiliary": 20, "knownShare": 0.3, "sigma": 5, "maxEntropy": 1 }
            """
        ),
        ["sokd"] = Recipe(Pair, $"\"student\": [ {Flip} ]", Kd, "\"sokd\""),
        ["speculative-kd"] = Texts("speculative"),
        ["speculative-kd mixed"] = Texts("mixed"),
        ["sre2l"] = Recipe(
            Pair,
            """ "shared": [ { "id": "normalise" } ], "student": [ { "id": "random-crop" }, { "id": "mixup" } ] """,
            Soft,
            """ "sre2l", "options": { "imagesPerClass": 3, "iterations": 2, "batchSize": 8, "jitter": 2 } """
        ),
        ["two-views"] = Recipe(
            $"\"student\": {Net}",
            $"\"student\": [ {Flip} ]",
            """{ "id": "barlow-twins", "options": { "projector": [ 16, 16 ] } }""",
            "\"two-views\""
        ),
    };

    private static string Maps(string options)
    {
        const string Net = """{ "id": "unet", "options": { "widths": [ 4, 8 ] } }""";
        return Recipe(
                $"\"teacher\": {Net}, \"student\": {Net}",
                """ "shared": [ { "id": "random-scale-crop" }, { "id": "horizontal-flip" }, { "id": "normalise" } ] """,
                """{ "id": "kd", "options": { "temperature": 1 } }""",
                $$""" "rdd", "options": { {{options}} } """
            )
            .Replace("\"train\": 80", "\"target\": \"mask\", \"train\": 80", StringComparison.Ordinal);
    }

    private static string DataFree(string method, string options) =>
        Recipe(
            Pair,
            $"\"shared\": [ {Flip} ]",
            """{ "id": "kd" }""",
            $$""" "data-free", "options": { "method": "{{method}}", "studentSteps": 1, "rounds": 2 {{(
                options.Length > 0 ? ", " + options : ""
            )}} } """,
            """ "generators": { "main": { "id": "upsample-generator", "options": { "latent": 6, "width": 8 } } }, """
        );

    private static string Texts(string mode)
    {
        static string Net(int layers) =>
            $$"""{ "id": "gpt2", "options": { "layers": {{layers}}, "heads": 2, "width": 8, "positions": 12 } }""";
        return $$"""
            { "name": "recorded", "seed": 7, "dataset": { "id": "addition", "options": { "train": 80, "test": 16 } },
              "validation": { "count": 16 }, "models": { "teacher": {{Net(2)}}, "student": {{Net(1)}} },
              "losses": [ { "id": "token-divergence" } ],
              "strategy": { "id": "speculative-kd",
                            "options": { "mode": "{{mode}}", "k": 4, "maxNewTokens": 4, "studentTemperature": 1, "studentTopP": 1 } },
              "training": { "epochs": 2, "batchSize": 16, "optimiser": { "name": "adamw", "learningRate": 0.01 } } }
            """;
    }

    public static TheoryData<string> Methods => [.. Recipes.Keys];

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string models, string views, string losses, string strategy, string more = "") =>
        $$"""
            { "name": "recorded", "seed": 7, {{more}}
              "dataset": { "id": "shapes", "options": { "size": 8, "classes": 4, "train": 80, "test": 16 } },
              "validation": { "count": 16 }, "models": { {{models}} }, "augmentations": { {{views}} },
              "losses": [ {{losses}} ], "strategy": { "id": {{strategy}} },
              "training": { "epochs": 2, "batchSize": 16, "optimiser": { "learningRate": 0.01 },
                            "schedule": { "name": "cosine" } } }
            """;

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_first_steps_of_every_stage_are_the_recorded_ones(string method)
    {
        var found = Found(method);
        Assert.NotEmpty(found);
        if (Environment.GetEnvironmentVariable("KD_RECORD") == "1")
            Record(method, found);
        var recorded = Read()[method];
        Assert.Equal(recorded.Keys, found.Keys);
        Assert.All(
            recorded,
            r =>
            {
                var off = Math.Abs(r.Value - found[r.Key]);
                Assert.True(off <= Share * Math.Abs(r.Value) + 1e-5, $"{r.Key}: {found[r.Key]:R}, not {r.Value:R}");
            }
        );
    }

    private SortedDictionary<string, double> Found(string method)
    {
        var steps = new Recorder();
        Experiment.Run(
            _runs.Read(Recipes[method]),
            _runs.Path(method),
            Catalog,
            new SessionOptions
            {
                Observer = steps,
                LogEvery = 1,
                MaxStepsPerStage = StepsPerStage,
            },
            new ResumeOptions(),
            CancellationToken.None
        );
        return steps.Values;
    }

    private static string FileOf([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "steps.json");

    private static SortedDictionary<string, SortedDictionary<string, double>> Read() =>
        JsonSerializer.Deserialize<SortedDictionary<string, SortedDictionary<string, double>>>(
            File.ReadAllText(FileOf())
        )!;

    private static void Record(string method, SortedDictionary<string, double> found)
    {
        var all = File.Exists(FileOf()) ? Read() : [];
        all[method] = found;
        File.WriteAllText(FileOf(), JsonSerializer.Serialize(all, new JsonSerializerOptions { WriteIndented = true }));
    }

    private sealed class Recorder : IRunObserver
    {
        internal SortedDictionary<string, double> Values { get; } = new(StringComparer.Ordinal);

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
        {
            foreach (var (name, value) in values ?? new Dictionary<string, double>())
                Values[$"{progress.Stage} {progress.Step} {name}"] = value;
        }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }
}
