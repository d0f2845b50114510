using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Torch.Weights;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands.Students;

/// <summary>Weight files as runs write them, of networks that nobody trained.</summary>
internal static class WeightFiles
{
    /// <summary>The record of a network, as host/README.md describes it.</summary>
    internal static JsonObject Record(string id, string options, long height, long width, int classes = 5) =>
        JsonNode
            .Parse(
                $$"""
                {
                  "format": "1.0", "role": "student", "weights": "last",
                  "network": { "id": "{{id}}", "version": "1.0.0", "options": {{options}} },
                  "network_input": [3, {{height}}, {{width}}], "outputs": {{classes}}, "classes": {{classes}}, "class_names": [],
                  "input": { "kind": "image", "shape": [3, {{height}}, {{width}}], "channels": 3, "height": {{height}}, "width": {{width}} },
                  "preprocessing": [], "normalisation": { "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.3] }
                }
                """
            )!
            .AsObject();

    /// <summary>Writes the weights of a new network, whose norms are no identities.</summary>
    /// <param name="catalog">Where its plugin is.</param>
    /// <param name="record">What it is, and the file's metadata.</param>
    /// <param name="path">The file.</param>
    internal static string Write(IPluginCatalog catalog, JsonObject record, string path)
    {
        using var plugin = catalog.Create(PluginKind.Model, (string)record["network"]!["id"]!);
        plugin.Plugin.Configure(
            OptionsBinder.Bind(plugin.Plugin.OptionsType, record["network"]!["options"]!.ToJsonString(), "the test")
        );
        long[] shape = [.. record["network_input"]!.AsArray().Select(d => (long)d!)];
        var classes = (long)record["outputs"]!;
        random.manual_seed(11);
        var network = ((IModelPlugin)plugin.Plugin).Create(
            new(shape, classes, new(InputKind.Image, shape, TargetKind.ClassIndex, classes, [], [], [], []))
        );
        Settle(network, shape);
        using (no_grad())
            foreach (var norm in network.Module.modules().OfType<BatchNorm2d>())
            {
                norm.weight.add_(randn_like(norm.weight) * 0.1);
                norm.bias!.add_(randn_like(norm.bias) * 0.1);
            }
        ModuleWeights.Save(
            network.Module,
            path,
            new Dictionary<string, string> { ["kd.record"] = record.ToJsonString() }
        );
        network.Module.Dispose();
        return path;
    }

    // The norms keep the statistics of a batch, so that the answers depend on the images: those of fresh weights vanish in deep networks.
    private static void Settle(INetwork network, long[] shape)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var norm in network.Module.modules().OfType<BatchNorm2d>())
            norm.momentum = 1;
        network.Module.train();
        network.Forward(randn([8, .. shape]), null, []);
    }
}
