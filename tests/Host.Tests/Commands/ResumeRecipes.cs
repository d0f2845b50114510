using KdPlugins.Core;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Small recipes with every strategy and every model that ships, each with its randomness on.</summary>
internal static class ResumeRecipes
{
    private const string Crop =
        """{ "id": "random-crop", "options": { "padding": 1 } }, { "id": "horizontal-flip" }, { "id": "normalise" }""";

    // Of methods that want images as they are before the roles' views.
    private const string OwnViews = $"""
        "target": [ {Crop}, {Cutout} ], "student": [ {Crop}, {Cutout} ]
        """;

    private const string Cutout = """{ "id": "cutout", "options": { "size": 2 } }""";

    private const string Teacher = """{ "id": "cifar-resnet", "options": { "depth": 8 } }""";

    private const string Dropping = """{ "id": "wrn", "options": { "depth": 10, "width": 1, "dropout": 0.3 } }""";

    private const string Kd = """{ "id": "cross-entropy" }, { "id": "kd" }""";

    private const string TrainTeacher = """{ "role": "teacher", "training": { "epochs": 1 } }""";

    private const string TwoViews = """
        { "name": "views", "strategy": { "id": "two-views", "options": { "role": "ROLE" } }, "training": { "epochs": 1 },
          "losses": [ { "id": "barlow-twins", "options": { "role": "ROLE", "projector": [16] } } ] }
        """;

    /// <summary>What differs from the recipe of <see cref="Recipe"/>, by the strategy's id.</summary>
    internal static readonly IReadOnlyDictionary<string, string> Strategies = new Dictionary<string, string>
    {
        ["offline"] = Recipe("""{ "id": "offline" }"""),
        ["mutual"] = Recipe(
            """{ "id": "mutual", "options": { "students": [ "student", "peer" ] } }""",
            models: $""", "peer": {Dropping}"""
        ),
        ["supervised"] = Recipe("""{ "id": "supervised" }""", losses: """{ "id": "cross-entropy" }"""),
        ["icda"] = Recipe("""{ "id": "icda" }""", losses: Kd + """, { "id": "icd" }"""),
        ["good-da-kd"] = Recipe("""{ "id": "good-da-kd" }""", shared: """, { "id": "cut-mix-pick" }"""),
        ["t-stddev"] = Recipe("""{ "id": "t-stddev" }"""),
        ["aug-kd"] = Recipe(
            """
            { "id": "aug-kd", "options": { "generatorEpochs": 2, "stepsPerEpoch": 2, "innerSteps": 2, "encoderWidth": 4,
                                           "anchorEpochs": 2 } }
            """,
            losses: """{ "id": "kd" }""",
            more: """
            , "generators": { "main": { "id": "upsample-generator", "options": { "latent": 6, "width": 8 } } }
            """
        ),
        ["mosaic-kd"] = Recipe(
            """
            { "id": "mosaic-kd", "options": { "keep": 40, "innerSteps": 2, "discriminatorWidth": 4 } }
            """,
            losses: """{ "id": "kd" }""",
            student: """, { "id": "cutmix" }""",
            more: """
            , "generators": { "main": { "id": "mosaic-generator", "options": { "latent": 6, "width": 2 } } },
            "sources": { "ood": { "id": "shapes", "options": { "size": 8, "classes": 4, "firstClass": 4, "train": 48 } } }
            """
        ),
        ["infer"] = Recipe(
            """
            { "id": "infer", "options": { "teachers": [ "teacher", "second" ], "imagesPerClass": 3, "iterations": 3, "jitter": 2 } }
            """,
            losses: """{ "id": "kd" }""",
            student: """, { "id": "mixup" }""",
            models: $""", "second": {Dropping}"""
        ),
        ["sre2l"] = Recipe(
            """
            { "id": "sre2l", "options": { "teacher": "teacher", "imagesPerClass": 3, "iterations": 3, "batchSize": 8,
                                          "jitter": 2 } }
            """,
            losses: """{ "id": "kd" }""",
            student: """, { "id": "mixup" }"""
        ),
        ["krr-st"] = Recipe(
            """
            { "id": "krr-st", "options": {
                "images": 16, "pool": { "networks": 2, "steps": 3 }, "preTrain": { "epochs": 2 }, "freeKd": { "epochs": 1 },
                "distil": { "steps": 6, "batch": 16, "learningRate": 0.01 } } }
            """,
            losses: """{ "id": "cross-entropy" }""",
            models: $""", "target": {Dropping}""",
            prepare: TwoViews.Replace("ROLE", "target"),
            augmentations: OwnViews
        ),
        ["krr-st-transfer"] = Recipe(
            """
            { "id": "krr-st-transfer", "options": { "preTrain": { "epochs": 2 }, "freeKd": { "epochs": 1 } } }
            """,
            losses: """{ "id": "cross-entropy" }""",
            models: $""", "target": {Dropping}""",
            augmentations: OwnViews,
            more: """
            , "sources": { "distilled": { "id": "distilled-set", "options": { "path": "made/outputs/distilled", "target": "soft" } } }
            """
        ),
        // Of nine steps four belong to the first phase, one more changes over.
        ["rdd"] = Maps("\"warmUp\": 0.5"),
        ["rdd soft"] = Maps("\"warmUp\": 0.4, \"switch\": \"soft\""),
        ["selective-fd"] = Recipe(
            """
            { "id": "selective-fd", "options": { "clients": 3, "alpha": 5, "proxySamples": 16, "proxyBatch": 8, "roundsPerEpoch": 2,
                                                 "distillSteps": 2, "auxiliary": 12, "knownShare": 0.3, "maxEntropy": 1 } }
            """,
            losses: """{ "id": "cross-entropy" }""",
            models: $""", "client-2": {Teacher}"""
        ),
        ["sokd"] = Recipe("""{ "id": "sokd", "options": { "trunkNorms": "moving", "bridgeStart": "teacher" } }"""),
        ["backward-pass-kd"] = Recipe(
            """{ "id": "backward-pass-kd", "options": { "epochsPerRound": 1, "steps": 2 } }"""
        ),
        ["speculative-kd"] = Texts,
        ["data-free"] = DataFree("fast-meta", "\"steps\": 2, \"warmUp\": 3, \"resetAt\": 4"),
        ["data-free cmi"] = DataFree(
            "cmi",
            "\"steps\": 4, \"warmUp\": 2, \"bank\": 24, \"bankBatch\": 8, \"normMomentum\": 0.5"
        ),
        ["data-free deep-inversion"] = DataFree("deep-inversion", "\"steps\": 4, \"warmUp\": 2"),
        ["data-free zskd"] = DataFree("zskd", "\"steps\": 4, \"warmUp\": 2"),
        ["data-free dfq"] = DataFree("dfq", "\"normMomentum\": 0.5"),
        ["data-free dafl"] = DataFree("dafl", ""),
        ["frskd"] = Recipe(
            """{ "id": "frskd", "options": { "width": 1, "depth": 1, "rampEpochs": 2 } }""",
            losses: Kd + """, { "id": "frskd-features", "options": { "form": "fit" } }"""
        ),
        ["two-views"] = Recipe(
            """{ "id": "two-views" }""",
            losses: """{ "id": "barlow-twins", "options": { "projector": [16] } }"""
        ),
        ["linear-evaluation"] = Recipe(
            """{ "id": "linear-evaluation", "options": { "neighbours": 3 } }""",
            losses: """{ "id": "cross-entropy" }""",
            prepare: TwoViews.Replace("ROLE", "student")
        ),
    };

    /// <summary>The smallest forms of the models, with all that they draw in training.</summary>
    internal static readonly IReadOnlyDictionary<string, string> Models = new Dictionary<string, string>
    {
        ["cifar-resnet"] = Teacher,
        ["resnet"] = """{ "id": "resnet", "options": { "depth": 10, "width": 4 } }""",
        ["convnet"] = """{ "id": "convnet", "options": { "widths": [ 8, 16 ], "norm": "instance" } }""",
        ["wrn"] = Dropping,
        ["vgg"] = """{ "id": "vgg" }""",
        ["mobilenet-v2"] = """{ "id": "mobilenet-v2", "options": { "width": 0.2, "expansion": 2 } }""",
        ["shufflenet-v1"] = """{ "id": "shufflenet-v1" }""",
        ["efficientnet-b0"] = """{ "id": "efficientnet-b0", "options": { "dropout": 0.3, "dropConnect": 0.3 } }""",
        ["alexnet"] = """{ "id": "alexnet" }""",
        ["deeplab-v3"] = """{ "id": "deeplab-v3", "options": { "backbone": "resnet10", "width": 0.1 } }""",
        ["pspnet"] = """{ "id": "pspnet", "options": { "backbone": "mobilenet-v2", "width": 0.1 } }""",
        ["unet"] = """{ "id": "unet", "options": { "widths": [ 4, 8 ] } }""",
        ["digit-cnn"] = """{ "id": "digit-cnn" }""",
    };

    /// <summary>The recipe of a strategy, or of a model in both roles ("model ID").</summary>
    internal static string Of(string name) =>
        Strategies.TryGetValue(name, out var recipe) ? recipe
        : name is "model deeplab-v3" or "model pspnet" or "model unet"
            ? Recipe("""{ "id": "offline" }""", both: Models[name["model ".Length..]], shared: "", size: 32)
                .Replace(Cutout, """{ "id": "random-scale-crop" }""")
                .Replace("\"train\": 56", "\"target\": \"mask\", \"train\": 56")
        : Recipe(
            """{ "id": "offline" }""",
            both: Models[name["model ".Length..]],
            size: name.Contains("efficientnet") ? 32 : 16
        );

    // Methods of class maps.
    private static string Maps(string options) =>
        Recipe(
                $$"""{ "id": "rdd", "options": { {{options}} } }""",
                losses: """{ "id": "kd" }, { "id": "at", "options": { "taps": [ "layer1", "layer2" ] } }""",
                prepare: TrainTeacher.Replace(
                    "\"role\": \"teacher\"",
                    "\"role\": \"teacher\", \"losses\": [ { \"id\": \"cross-entropy\" } ]"
                ),
                both: """{ "id": "unet", "options": { "widths": [ 4, 8 ] } }""",
                augmentations: $$"""
                "shared": [ { "id": "random-scale-crop" }, { "id": "horizontal-flip" }, { "id": "normalise" } ]
                """
            )
            .Replace("\"train\": 56", "\"target\": \"mask\", \"train\": 56");

    private const string Texts = """
        {
          "name": "resume", "seed": 5, "device": "cpu",
          "dataset": { "id": "addition", "options": { "train": 56, "test": 16 } },
          "models": { "teacher": { "id": "gpt2", "options": { "layers": 2, "heads": 2, "width": 8, "positions": 12 } },
                      "student": { "id": "gpt2", "options": { "layers": 1, "heads": 2, "width": 8, "positions": 12, "dropout": 0.3 } } },
          "losses": [ { "id": "token-divergence" } ],
          "strategy": { "id": "speculative-kd", "options": { "mode": "mixed-skd", "k": 4, "maxNewTokens": 4, "studentTemperature": 1, "studentTopP": 1 } },
          "prepare": [ { "role": "teacher", "strategy": { "id": "supervised", "options": { "role": "teacher" } }, "training": { "epochs": 1 },
                         "losses": [ { "id": "cross-entropy" } ] } ],
          "training": { "epochs": 3, "batchSize": 16 },
          "checkpoints": { "everySteps": 1 }
        }
        """;

    private static string DataFree(string method, string options) =>
        Recipe(
            $$"""
            { "id": "data-free", "options": { "method": "{{method}}", "studentSteps": 3, "rounds": 2 {{(
                options.Length > 0 ? ", " + options : ""
            )}} } }
            """,
            losses: """{ "id": "kd" }""",
            more: """
            , "generators": { "main": { "id": "upsample-generator", "options": { "latent": 6, "width": 8 } } }
            """
        );

    private static string Recipe(
        string strategy,
        string losses = Kd,
        string shared = "",
        string student = "",
        string models = "",
        string prepare = TrainTeacher,
        string more = "",
        string? both = null,
        string? augmentations = null,
        int size = 8
    ) =>
        $$"""
            {
              "name": "resume", "seed": 5, "device": "cpu",
              "dataset": { "id": "shapes", "options": { "size": {{size}}, "classes": 4, "train": 56, "test": 16 } },
              "models": { "teacher": {{both ?? Teacher}}, "student": {{both ?? Dropping}} {{models}} },
              "augmentations": { {{augmentations
                ?? $"\"shared\": [ {Crop}{shared} ], \"student\": [ {Cutout}{student} ]"}} },
              "losses": [ {{losses}} ], "strategy": {{strategy}},
              "prepare": [ {{prepare}} ],
              "training": { "epochs": 3, "batchSize": 16 },
              "checkpoints": { "everySteps": 1 } {{more}}
            }
            """;
}
