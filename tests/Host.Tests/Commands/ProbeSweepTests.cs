using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Host.Commands;
using KdPlugins.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Every shipped plugin that can be probed, on the same values in float64 and in float32.</summary>
[Collection("commands")]
public sealed partial class ProbeSweepTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly DisposeScope _scope;

    public ProbeSweepTests()
    {
        Torch.NativeRuntime.Start();
        _scope = NewDisposeScope();
    }

    public void Dispose()
    {
        _scope.Dispose();
        _kd.Dispose();
    }

    private static List<string> Shipped(PluginKind kind)
    {
        using var host = PluginHost.Load(Kd.Plugins);
        // One is of a file.
        return [.. host.Catalog.Plugins.Where(p => p.Kind == kind).Select(p => p.Id).Where(id => id != "onnx-teacher")];
    }

    [SkippableTheory]
    [InlineData(PluginKind.Augmentation)]
    [InlineData(PluginKind.Generator)]
    [InlineData(PluginKind.Model)]
    [InlineData(PluginKind.Loss)]
    public void Float64_in_is_float64_out_and_agrees_with_float32_to_rounding(PluginKind kind)
    {
        if (kind == PluginKind.Model)
            LibTorchFaults.SkipWhereConvolutionsAreWrong();
        var ids = Shipped(kind);
        Assert.NotEmpty(ids);
        var given = ids.ToDictionary(id => id, id => Input(kind, id));
        // Nothing may be given in vain, and every loss reads something else: leave out what it names.
        if (kind == PluginKind.Loss)
            foreach (var (id, unread) in Unread(given))
            foreach (var name in unread)
                given[id].Remove(name);
        var wide = Run(kind, given, ScalarType.Float64);
        var narrow = Run(kind, given, ScalarType.Float32);
        foreach (var id in ids)
        foreach (var (name, value) in wide[id].Where(t => IsComputed(t.Key, t.Value)))
        {
            Assert.True(value.dtype == ScalarType.Float64, $"{id}: {name} is {value.dtype}");
            Assert.Equal(ScalarType.Float32, narrow[id][name].dtype);
            var difference = value - narrow[id][name].to(ScalarType.Float64);
            var apart = difference.norm().item<double>() / (1e-3 + value.norm().item<double>());
            Assert.True(apart < 2e-3, $"{id}: {name} differs by {apart} of its norm");
            Assert.True(value.isfinite().all().item<bool>(), $"{id}: {name}");
        }
        // In float64 more is known than in float32: somewhere the last digits differ.
        Assert.Contains(
            ids,
            id =>
                wide[id]
                    .Any(t => t.Value.dtype == ScalarType.Float64 && Narrowed(t.Value).ne(t.Value).any().item<bool>())
        );
    }

    // Draws keep their own dtype.
    private static bool IsComputed(string name, Tensor value) =>
        value.is_floating_point() && !name.StartsWith("drawn.");

    private static Tensor Narrowed(Tensor value) => value.to(ScalarType.Float32).to(ScalarType.Float64);

    private Dictionary<string, Dictionary<string, Tensor>> Run(
        PluginKind kind,
        Dictionary<string, Dictionary<string, Tensor>> given,
        ScalarType dtype
    )
    {
        var files = new ProbeFiles(_kd, Kd.Plugins);
        var lines = given.Select(g =>
            Case(kind, g.Key, files.Write(g.Value.ToDictionary(t => t.Key, t => In(t.Value, dtype))), $"{dtype}")
        );
        var result = Batch(lines);
        Assert.True(result.ExitCode == 0, result.Output);
        return given.Keys.ToDictionary(id => id, id => ProbeFiles.Read(_kd.At($"{id}-{dtype}.safetensors")));
    }

    private Dictionary<string, List<string>> Unread(Dictionary<string, Dictionary<string, Tensor>> given)
    {
        var files = new ProbeFiles(_kd, Kd.Plugins);
        var result = Batch(given.Select(g => Case(PluginKind.Loss, g.Key, files.Write(g.Value), "all")));
        return result
            .Lines.Where(l => l["code"]?.GetValue<string>() == "KDP0807")
            .ToDictionary(
                l => l["id"]!.GetValue<string>(),
                l => Quoted().Matches(l["message"]!.GetValue<string>()).Select(m => m.Groups[1].Value).ToList()
            );
    }

    private KdResult Batch(IEnumerable<string> lines) =>
        Kd.Call("probe", "--batch", _kd.Write("cases.jsonl", string.Join("\n", lines)), "--plugins", Kd.Plugins);

    private static string Case(PluginKind kind, string id, string input, string output)
    {
        var line = new JsonObject
        {
            ["id"] = id,
            ["kind"] = $"{kind}".ToLowerInvariant(),
            ["input"] = Path.GetFileName(input),
            ["output"] = $"{id}-{output}.safetensors",
            // Dropout draws other masks in another dtype.
            ["mode"] = kind == PluginKind.Model ? "eval" : "train",
        };
        if (Options(id) is { } options)
            line["options"] = JsonNode.Parse(options);
        return line.ToJsonString();
    }

    private static string? Options(string id) =>
        id switch
        {
            "cifar-resnet" => """{ "depth": 8 }""",
            "resnet" => """{ "width": 8 }""",
            "wrn" => """{ "depth": 10, "width": 1 }""",
            "convnet" => """{ "widths": [4, 6, 8] }""",
            "upsample-generator" => """{ "latent": 6, "width": 8 }""",
            "mosaic-generator" => """{ "latent": 6, "width": 2 }""",
            "gpt2" => """{ "layers": 1, "heads": 2, "width": 8, "positions": 8 }""",
            "deeplab-v3" or "pspnet" => """{ "backbone": "resnet10", "width": 0.1 }""",
            "nt-xent" or "barlow-twins" => """{ "projector": [8, 6] }""",
            _ => null,
        };

    private static Tensor In(Tensor value, ScalarType dtype) => value.is_floating_point() ? value.to(dtype) : value;

    private static Dictionary<string, Tensor> Input(PluginKind kind, string id)
    {
        using var generator = new Generator(5, CPU);
        // Values that float32 has, too.
        Tensor Draw(params long[] shape) => randn(shape, ScalarType.Float32, generator: generator);
        switch (kind)
        {
            case PluginKind.Augmentation:
                return ProbeDrawTests.Input(id).ToDictionary(t => t.Key, t => In(t.Value, ScalarType.Float32));
            case PluginKind.Generator:
                return new() { ["latent"] = Draw(3, 6), ["data.shape"] = tensor([3L, 8, 8]) };
            case PluginKind.Model:
                // Ids have no precision: a cotangent says which one is asked for.
                if (id == "gpt2")
                    return new()
                    {
                        ["input"] = arange(10, ScalarType.Int64).remainder(3).view(2, 5),
                        ["cotangent.logits"] = Draw(2, 5, 3),
                        ["data.classes"] = tensor(3L),
                    };
                return new() { ["input"] = Draw(2, 3, 32, 32), ["data.classes"] = tensor(3L) };
        }
        if (OfMapsOrTexts(id, Draw) is { } own)
            return own;
        var all = new Dictionary<string, Tensor> { ["target.labels"] = tensor([0L, 2, 1, 2]) };
        foreach (var role in (string[])["student", "teacher", "second-view"])
        {
            all[$"{role}.logits"] = Draw(4, 3);
            all[$"{role}.embedding"] = Draw(4, 6);
            foreach (
                var (tap, width, side) in ((string, long, long)[])
                    [("stem", 3, 8), ("layer1", 4, 8), ("layer2", 6, 4), ("layer3", 8, 2)]
            )
                all[$"{role}.features.{tap}"] = Draw(4, width, side, side).abs();
        }
        return all;
    }

    /// <summary>What losses read that are not of a class per sample; null for the others.</summary>
    internal static Dictionary<string, Tensor>? OfMapsOrTexts(string id, Func<long[], Tensor> draw) =>
        id switch
        {
            "rdd-tfe" or "rdd-tse" => Maps(draw),
            "token-divergence" => new()
            {
                ["student.logits"] = draw([2, 4, 3]),
                ["teacher.logits"] = draw([2, 4, 3]),
                ["target.tokens"] = arange(8, ScalarType.Int64).remainder(3).view(2, 4),
            },
            _ => null,
        };

    // Logits of two heads at half the labels' size.
    private static Dictionary<string, Tensor> Maps(Func<long[], Tensor> draw)
    {
        var labels = arange(4 * 6 * 4, ScalarType.Int64).remainder(3).view(4, 6, 4);
        var all = new Dictionary<string, Tensor> { ["target.map"] = labels };
        foreach (
            var name in (string[])["student.logits", "student.features.aux", "teacher.logits", "teacher.features.aux"]
        )
            all[name] = draw([4, 3, 3, 2]);
        return all;
    }

    [GeneratedRegex("'([a-z0-9.-]+)' (?:Float|Int|Bool)")]
    private static partial Regex Quoted();
}
