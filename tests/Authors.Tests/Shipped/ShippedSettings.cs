using KdPlugins.Core;
using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Shipped;

/// <summary>What the shipped plugins are checked with, where the kit's own inputs do not fit them.</summary>
internal static class ShippedSettings
{
    private const string Net = """{ "id": "cifar-resnet", "options": { "depth": 8 } }""";
    private const string Shapes =
        """{ "id": "shapes", "options": { "size": 8, "classes": 4, "train": 32, "test": 8 } }""";
    private const string Taps = """{ "taps": ["early", "late"] }""";
    private const string Path = """{ "path": "somewhere" }""";
    private const string Heads = """{ "projector": [6, 6] }""";

    /// <summary>Options by name, as recipes give them.</summary>
    private static readonly Dictionary<string, string> Options = new()
    {
        ["Loss/at"] = Taps,
        ["Loss/sp"] = Taps,
        ["Loss/nst"] = Taps,
        ["Loss/fsp"] = Taps,
        ["Loss/frskd-features"] = """{ "levels": ["early", "late"] }""",
        ["Loss/barlow-twins"] = Heads,
        ["Loss/nt-xent"] = Heads,
        ["Augmentation/cutout"] = """{ "size": 3 }""",
        ["Augmentation/random-affine"] = """{ "degrees": 20 }""",
        ["Generator/upsample-generator"] = """{ "latent": 6, "width": 8 }""",
        ["Generator/mosaic-generator"] = """{ "latent": 6, "width": 2 }""",
        ["Dataset/cifar"] = Path,
        ["Dataset/mnist"] = Path,
        ["Dataset/image-folder"] = Path,
        ["Dataset/image-list"] = Path,
        ["Dataset/npz"] = Path,
        ["Dataset/image-parquet"] = Path,
        ["Dataset/image-tar"] = Path,
        ["Dataset/segmentation-folder"] = Path,
        ["Dataset/distilled-set"] = Path,
        ["Dataset/compensated-set"] = Path,
        ["Dataset/text-file"] = Path,
        ["Dataset/text-table"] = """{ "train": "somewhere.tsv", "prompt": "q", "response": "a" }""",
        ["Dataset/addition"] = """{ "train": 40, "test": 20 }""",
        ["Model/gpt2"] = """{ "layers": 1, "heads": 2, "width": 8, "positions": 8 }""",
        ["Model/onnx-teacher"] = Path,
        ["Dataset/shapes"] = """{ "size": 8, "train": 200, "test": 20 }""",
        ["Model/cifar-resnet"] = """{ "depth": 8 }""",
        ["Tool/rank-augmentations"] = """{ "candidates": "identity,flipped=horizontal-flip", "samples": 3200 }""",
        ["Model/wrn"] = """{ "depth": 10, "width": 1 }""",
        ["Model/resnet"] = """{ "depth": 10, "width": 8 }""",
        ["Model/convnet"] = """{ "widths": [8, 8, 8] }""",
        ["Model/mobilenet-v2"] = """{ "width": 0.25 }""",
        ["Model/deeplab-v3"] = """{ "backbone": "resnet10", "width": 0.1 }""",
        ["Model/pspnet"] = """{ "backbone": "resnet10", "width": 0.1 }""",
        ["Model/unet"] = """{ "widths": [4, 8] }""",
    };

    // Published code has them and never calls them; its files of weights hold them.
    private static readonly string[] NeverCalled =
    [
        "layers.0.conv1.weight",
        "layers.0.bn1.weight",
        "layers.0.bn1.bias",
    ];

    /// <summary>Small recipes of the strategies, with the shipped parts that they are made for.</summary>
    private static readonly Dictionary<string, string> Recipes = new()
    {
        ["supervised"] = Recipe("""{ "id": "supervised" }""", """{ "id": "cross-entropy" }"""),
        ["offline"] = Recipe("""{ "id": "offline" }""", """{ "id": "cross-entropy" }, { "id": "kd" }"""),
        ["mutual"] = Recipe(
            """{ "id": "mutual", "options": { "students": [ "student", "target" ] } }""",
            """{ "id": "cross-entropy" }, { "id": "kd" }"""
        ),
        ["icda"] = Recipe("""{ "id": "icda" }""", """{ "id": "kd" }, { "id": "icd" }"""),
        ["good-da-kd"] = Recipe("""{ "id": "good-da-kd" }""", """{ "id": "cross-entropy" }, { "id": "kd" }"""),
        ["t-stddev"] = Recipe("""{ "id": "t-stddev", "options": { "stepsPerGroup": 1 } }""", """{ "id": "kd" }"""),
        ["two-views"] = Recipe(
            """{ "id": "two-views" }""",
            """{ "id": "barlow-twins", "options": { "projector": [16] } }"""
        ),
        ["linear-evaluation"] = Recipe("""{ "id": "linear-evaluation" }""", """{ "id": "cross-entropy" }"""),
        ["aug-kd"] = Recipe(
            """
            { "id": "aug-kd", "options": { "generatorEpochs": 1, "stepsPerEpoch": 2, "innerSteps": 2, "encoderWidth": 4,
                                           "anchorEpochs": 1 } }
            """,
            """{ "id": "aug-kd-mix" }"""
        ),
        ["mosaic-kd"] = Recipe(
            """
            { "id": "mosaic-kd", "options": { "source": "teacher-domain", "keep": 24, "innerSteps": 2, "discriminatorWidth": 4 } }
            """,
            """{ "id": "kd" }"""
        ),
        ["krr-st"] = Recipe(
            """
            { "id": "krr-st", "options": { "images": 12, "pool": { "networks": 1, "steps": 2 },
                                           "distil": { "steps": 2, "batch": 12 }, "preTrain": { "epochs": 1 } } }
            """,
            """{ "id": "cross-entropy" }"""
        ),
        ["krr-st-transfer"] = Recipe(
            """{ "id": "krr-st-transfer", "options": { "preTrain": { "epochs": 1, "objective": "labels" } } }""",
            """{ "id": "cross-entropy" }""",
            $$""", "distilled": {{Shapes}}"""
        ),
        ["sre2l"] = Recipe(
            """
            { "id": "sre2l", "options": { "imagesPerClass": 2, "iterations": 2, "batchSize": 8, "jitter": 1 } }
            """,
            """{ "id": "kd" }"""
        ),
        ["rdd"] = Recipe("""{ "id": "rdd", "options": { "warmUp": 0.5 } }""", """{ "id": "kd" }""")
            .Replace("\"train\": 32", "\"target\": \"mask\", \"train\": 32", StringComparison.Ordinal)
            .Replace(Net, """{ "id": "unet", "options": { "widths": [4, 8] } }""", StringComparison.Ordinal),
        ["selective-fd"] = Recipe(
            """
            { "id": "selective-fd", "options": { "clients": 2, "alpha": 100, "proxySamples": 8, "proxyBatch": 4, "roundsPerEpoch": 1,
                                                 "distillSteps": 2, "auxiliary": 8, "knownShare": 0.3 } }
            """,
            """{ "id": "cross-entropy" }"""
        ),
        ["sokd"] = Recipe("""{ "id": "sokd" }""", """{ "id": "cross-entropy" }, { "id": "kd" }"""),
        ["backward-pass-kd"] = Recipe(
                """{ "id": "backward-pass-kd", "options": { "epochsPerRound": 1, "steps": 2 } }""",
                """{ "id": "cross-entropy" }, { "id": "kd" }"""
            )
            // A round, a search, a round.
            .Replace("\"epochs\": 1", "\"epochs\": 2", StringComparison.Ordinal),
        ["speculative-kd"] = """
            { "name": "shipped", "device": "cpu", "dataset": { "id": "addition", "options": { "train": 64, "test": 8 } },
              "models": { "teacher": { "id": "gpt2", "options": { "layers": 1, "heads": 2, "width": 8, "positions": 12 } },
                          "student": { "id": "gpt2", "options": { "layers": 1, "heads": 2, "width": 8, "positions": 12 } } },
              "losses": [ { "id": "token-divergence" } ],
              "strategy": { "id": "speculative-kd", "options": { "k": 3, "maxNewTokens": 3 } },
              "training": { "epochs": 1, "batchSize": 16 } }
            """,
        ["data-free"] = Recipe(
            """
            { "id": "data-free", "options": { "method": "cmi", "steps": 2, "warmUp": 2, "studentSteps": 2, "rounds": 2,
                                              "bank": 24, "bankBatch": 8 } }
            """,
            """{ "id": "kd" }"""
        ),
        ["frskd"] = Recipe(
            """{ "id": "frskd", "options": { "width": 1, "depth": 1 } }""",
            """{ "id": "cross-entropy" }, { "id": "kd" }, { "id": "frskd-features" }"""
        ),
        ["infer"] = Recipe(
            """
            { "id": "infer", "options": { "teachers": [ "teacher", "target" ], "imagesPerClass": 3, "iterations": 2, "jitter": 1 } }
            """,
            """{ "id": "kd" }"""
        ),
    };

    internal static bool HasRecipe(string strategy) => Recipes.ContainsKey(strategy);

    /// <summary>The settings of a plugin.</summary>
    internal static ConformanceSettings Of(string name)
    {
        var options = Options.TryGetValue(name, out var json) ? ShippedPlugins.Options(name, json) : null;
        var id = name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..];
        return name[..^(id.Length + 1)] switch
        {
            nameof(PluginKind.Loss) => Loss(id, options),
            nameof(PluginKind.Augmentation) => new AugmentationSettings { Options = options },
            nameof(PluginKind.Generator) => new GeneratorSettings { Options = options, DrawsFromTorch = false },
            nameof(PluginKind.Dataset) => new DatasetSettings { Options = options, Samples = 16 },
            nameof(PluginKind.Meter) => new MeterSettings { Options = options },
            nameof(PluginKind.Tool) => new ToolSettings
            {
                Options = options,
                Plugins = [ShippedPlugins.ByName["Augmentation/horizontal-flip"]],
            },
            nameof(PluginKind.Model) when id == "gpt2" => new ModelSettings
            {
                Options = options,
                Data = Words,
                InputShape = [-1],
            },
            nameof(PluginKind.Model) => new ModelSettings
            {
                Options = options,
                Unused = id == "efficientnet-b0" ? NeverCalled : [],
            },
            _ => new StrategySettings { Recipe = Recipes[id], Plugins = [.. ShippedPlugins.ByName.Values] },
        };
    }

    private static readonly DataInfo Words = new(
        InputKind.Tokens,
        [-1],
        TargetKind.Tokens,
        5,
        [],
        [],
        [],
        ["a", "b", "c", "d", "e"]
    );

    private static LossSettings Loss(string id, object? options) =>
        id switch
        {
            "barlow-twins" or "nt-xent" => new() { Options = options, Case = Views },
            "rdd-tfe" or "rdd-tse" => new() { Options = options, Case = Maps },
            "token-divergence" => new() { Options = options, Case = Texts },
            _ => new() { Options = options },
        };

    // Maps of logits of two heads, at half the labels' size.
    private static LossCase Maps(RandomKey key)
    {
        using var random = key.NewGenerator(CPU);
        Tensor Draw() => randn([8, 5, 4, 3], ScalarType.Float64, generator: random);
        ModelOutput Heads() => Stubs.Output(Draw(), null, new Dictionary<string, Tensor> { ["aux"] = Draw() });
        var labels = randint(0, 5, [8, 8, 6], ScalarType.Int64, generator: random);
        var batch = new Batch(zeros(8, 3, 8, 6), new ClassMapTarget(labels, 255), arange(8, ScalarType.Int64));
        return new(Heads(), Heads(), batch);
    }

    // Five places of five words, of which some count.
    private static LossCase Texts(RandomKey key)
    {
        using var random = key.NewGenerator(CPU);
        Tensor Draw() => randn([4, 5, 5], ScalarType.Float64, generator: random);
        var ids = randint(0, 5, [4, 5], ScalarType.Int64, generator: random);
        var target = new TokenTarget(ids, (ids + arange(5)).remainder(3).gt(0));
        return new(Stubs.Output(Draw()), Stubs.Output(Draw()), new(ids, target, arange(4, ScalarType.Int64)));
    }

    // Both views of the samples, each with an embedding.
    private static LossCase Views(RandomKey key)
    {
        using var random = key.NewGenerator(CPU);
        Tensor Draw(params long[] shape) => randn(shape, ScalarType.Float64, generator: random);
        ModelOutput View() => Stubs.Output(Draw(8, 5), Draw(8, 6));
        var batch = new Batch(Draw(8, 3, 8, 8), new NoTarget(8), arange(8, ScalarType.Int64));
        return new(View(), null, batch) { Outputs = new Dictionary<string, ModelOutput> { ["second-view"] = View() } };
    }

    // Under the roles, since some methods see the images themselves, and others need two views.
    private const string RoleViews = """[ { "id": "horizontal-flip" }, { "id": "normalise" } ]""";

    private static string Recipe(string strategy, string losses, string sources = "") =>
        $$"""
            { "name": "shipped", "device": "cpu", "dataset": {{Shapes}},
              "models": { "teacher": {{Net}}, "student": {{Net}}, "target": {{Net}} },
              "augmentations": { "teacher": {{RoleViews}}, "student": {{RoleViews}}, "target": {{RoleViews}} },
              "sources": { "teacher-domain": {{Shapes}} {{sources}} },
              "generators": { "main": { "id": "upsample-generator", "options": { "latent": 6, "width": 8 } } },
              "losses": [ {{losses}} ], "strategy": {{strategy}},
              "training": { "epochs": 1, "batchSize": 16 } }
            """;
}
