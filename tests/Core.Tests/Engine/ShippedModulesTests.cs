using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Runs;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Testing;
using TorchSharp;
using Xunit;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Every module that a shipped plugin makes has one name for each of its tensors.</summary>
public sealed class ShippedModulesTests
{
    private static readonly TestCatalog Catalog = ShippedPlugins.Catalog();

    private static readonly DataInfo Data = new(
        InputKind.Image,
        [3, 32, 32],
        TargetKind.ClassIndex,
        6,
        [],
        [0.5, 0.5, 0.5],
        [0.2, 0.2, 0.2],
        []
    );

    private static readonly DataInfo Words = new(
        InputKind.Tokens,
        [-1],
        TargetKind.Tokens,
        3,
        [],
        [],
        [],
        ["a", "b", "c"]
    );

    private const string Images = """
        "dataset": { "id": "shapes", "options": { "train": 60, "test": 12, "classes": 6 } },
        "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
                    "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
        "augmentations": { "teacher": [ { "id": "normalise" } ], "student": [ { "id": "normalise" } ] }
        """;

    private const string Texts = """
        "dataset": { "id": "addition", "options": { "train": 60, "test": 12 } },
        "models": { "teacher": { "id": "gpt2", "options": { "layers": 1, "heads": 2, "width": 8, "positions": 16 } },
                    "student": { "id": "gpt2", "options": { "layers": 1, "heads": 2, "width": 8, "positions": 16 } } }
        """;

    // A strategy's section, and what else its recipe needs.
    private static readonly Dictionary<string, (string Options, string Losses, string More)> Plans = new()
    {
        ["supervised"] = ("{}", "cross-entropy", ""),
        ["offline"] = ("{}", "kd", ""),
        ["mutual"] = ("""{ "students": [ "student", "teacher" ] }""", "kd", ""),
        ["icda"] = ("{}", "icd", ""),
        ["good-da-kd"] = ("{}", "kd", ""),
        ["t-stddev"] = ("{}", "kd", ""),
        ["two-views"] = ("{}", "barlow-twins", ""),
        ["linear-evaluation"] = ("{}", "cross-entropy", ""),
        ["aug-kd"] = ("{}", "aug-kd-mix", """, "generators": { "main": { "id": "upsample-generator" } }"""),
        ["mosaic-kd"] = (
            """{ "source": "train" }""",
            "kd",
            """, "generators": { "main": { "id": "mosaic-generator" } }"""
        ),
        ["infer"] = ("""{ "teachers": [ "teacher" ], "imagesPerClass": 2 }""", "kd", ""),
        ["rdd"] = ("{}", "kd", ""),
        ["selective-fd"] = (
            """{ "clients": 2, "alpha": 100, "proxySamples": 8, "auxiliary": 8, "proxyBatch": 4 }""",
            "cross-entropy",
            ""
        ),
        ["sokd"] = ("{}", "kd", ""),
        ["backward-pass-kd"] = ("""{ "epochsPerRound": 1 }""", "kd", ""),
        ["speculative-kd"] = ("{}", "token-divergence", ""),
        ["data-free"] = (
            """{ "method": "cmi", "normMomentum": 0.5 }""",
            "kd",
            """, "generators": { "main": { "id": "upsample-generator" } }"""
        ),
        ["frskd"] = ("{}", "frskd-features", ""),
        ["sre2l"] = ("""{ "imagesPerClass": 2 }""", "kd", ""),
        ["krr-st"] = (
            """{ "target": "teacher", "images": 12, "pool": { "networks": 2 }, "freeKd": { "epochs": 1 } }""",
            "cross-entropy",
            ""
        ),
        ["krr-st-transfer"] = (
            """{ "source": "set", "freeKd": { "epochs": 1 } }""",
            "cross-entropy",
            """, "sources": { "set": { "id": "distilled-set", "options": { "path": "set", "target": "soft" } } }"""
        ),
    };

    // What a file computes has no form of its own.
    public static TheoryData<string> Models =>
        [.. Catalog.Plugins.Where(p => p.Kind == PluginKind.Model && p.Id != "onnx-teacher").Select(p => p.Id)];

    public static TheoryData<string> Losses => Ids(PluginKind.Loss);

    public static TheoryData<string> Generators => Ids(PluginKind.Generator);

    public static TheoryData<string> Strategies => Ids(PluginKind.Strategy);

    [Theory]
    [MemberData(nameof(Models))]
    public void Of_a_network_in_every_form(string id)
    {
        var derived = false;
        var made = Each(
            PluginKind.Model,
            id,
            plugin =>
            {
                var network = ((IModelPlugin)plugin).Create(
                    id == "gpt2" ? new([-1], 3, Words) : new([3, 32, 32], 6, Data)
                );
                ModuleNames.Verify(network.Module);
                // What is made of a network is made alike under all options.
                if (network is IFreezableNetwork freezable && !derived)
                    ModuleNames.Verify(freezable.Freeze(torch.ScalarType.Float32).Module);
                if (network is ISplittableNetwork splittable && !derived)
                    foreach (var cut in splittable.Cuts)
                        ModuleNames.Verify(splittable.CloneTail(cut).Module);
                derived = true;
            }
        );
        Assert.True(made > 0);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void Of_a_loss_in_every_form(string id)
    {
        using var scope = torch.NewDisposeScope();
        var shapes = new[] { Roles.Student, Roles.Teacher }.ToDictionary(r => r, _ => Network().Shape);
        var made = Each(
            PluginKind.Loss,
            id,
            plugin =>
            {
                var loss = (IDistillationLoss)plugin;
                loss.Bind(new(shapes, Data, 64, torch.CPU));
                if (loss.Module is { } module)
                    ModuleNames.Verify(module);
            }
        );
        Assert.True(made > 0);
    }

    [Theory]
    [MemberData(nameof(Generators))]
    public void Of_a_generator_in_every_form(string id)
    {
        var made = Each(
            PluginKind.Generator,
            id,
            plugin =>
            {
                var generator = (IGenerator)plugin;
                generator.Bind(new(Data, torch.CPU));
                if (generator.Module is { } module)
                    ModuleNames.Verify(module);
            }
        );
        Assert.True(made > 0);
    }

    // Roles, losses, generators and what the strategy registers, as a checkpoint names them.
    [Theory]
    [MemberData(nameof(Strategies))]
    public void Of_all_that_a_strategy_saves(string id)
    {
        using var folder = new TemporaryFolder();
        using var scope = torch.NewDisposeScope();
        WriteSet(folder["set"]);
        var (options, losses, more) = Plans[id];
        var text = $$"""
            { "name": "names", {{(id == "speculative-kd" ? Texts : Images)}},
              "losses": [ { "id": "{{losses}}" } ], "strategy": { "id": "{{id}}", "options": {{options}} } {{more}} }
            """;
        if (id == "rdd")
            text = text.Replace("\"classes\": 6", "\"classes\": 6, \"target\": \"mask\"", StringComparison.Ordinal)
                .Replace(
                    """{ "id": "cifar-resnet", "options": { "depth": 8 } }""",
                    """{ "id": "unet" }""",
                    StringComparison.Ordinal
                );
        var recipe = RecipeReader.ReadText(text, folder.Root, RecipeOverrides.None, Catalog);
        using var composition = new Composer(recipe, Catalog, TimeProvider.System, null).Compose();
        foreach (var module in composition.Run.Modules.Values)
            ModuleNames.Verify(module);
        using var bests = new Bests(composition.Run);
        var content = Snapshot.take(composition, new Cursor(), bests, false);
        var names = content
            .Sections.SelectMany(s => s.Value.Select(t => (Name: $"{s.Key}/{t.Key}", t.Value.Handle)))
            .ToLookup(t => t.Handle, t => t.Name);
        Assert.NotEmpty(names);
        Assert.All(names, tensor => Assert.Single(tensor));
    }

    [Fact]
    public void Every_strategy_has_its_recipe_here() =>
        Assert.Equal(
            Catalog.Plugins.Where(p => p.Kind == PluginKind.Strategy).Select(p => p.Id).Order(),
            Plans.Keys.Order()
        );

    private static TheoryData<string> Ids(PluginKind kind) =>
        [.. Catalog.Plugins.Where(p => p.Kind == kind).Select(p => p.Id)];

    private static INetwork Network()
    {
        using var plugin = Catalog.Create(PluginKind.Model, "cifar-resnet");
        plugin.Plugin.Configure(OptionsBinder.Bind(plugin.Plugin.OptionsType, """{ "depth": 8 }""", "a test"));
        return ((IModelPlugin)plugin.Plugin).Create(new([3, 32, 32], 6, Data));
    }

    private static void WriteSet(string folder)
    {
        Directory.CreateDirectory(folder);
        DistilledSet.Write(
            folder,
            "set",
            Data,
            new Dictionary<string, string>(),
            new Dictionary<string, torch.Tensor> { ["images"] = torch.rand(8, 3, 32, 32), ["soft"] = torch.rand(8, 64) }
        );
    }

    // With the default options, and with each option at each of its values; those that do not fit are passed over.
    private static int Each(PluginKind kind, string id, Action<IPlugin> look)
    {
        var made = 0;
        var type = Catalog.Plugins.Single(p => p.Kind == kind && p.Id == id).OptionsType;
        var defaults = JsonNode.Parse(OptionsBinder.ToJson(Activator.CreateInstance(type)!))!.AsObject();
        foreach (var (name, value) in Variants(type).Prepend((null, null)))
        {
            using var scope = torch.NewDisposeScope();
            var options = defaults.DeepClone().AsObject();
            if (name is not null)
                options[name] = value;
            using var plugin = Catalog.Create(kind, id);
            try
            {
                plugin.Plugin.Configure(OptionsBinder.Bind(type, options.ToJsonString(), "a test"));
                look(plugin.Plugin);
                made++;
            }
            catch (Torch.KdException) { }
        }
        return made;
    }

    private static IEnumerable<(string? Name, JsonNode? Value)> Variants(Type type)
    {
        foreach (var property in type.GetProperties())
        {
            var name = System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            object[] values = property.GetCustomAttribute<AllowedValuesAttribute>() is { } allowed
                ? [.. allowed.Values.OfType<object>()]
                : property.PropertyType switch
                {
                    { IsEnum: true } e => [.. Enum.GetNames(e)],
                    var t when t == typeof(bool) => [true, false],
                    var t when t == typeof(double) => [0.3],
                    _ => [],
                };
            foreach (var value in values)
                yield return (name, JsonValue.Create(value));
        }
    }
}
