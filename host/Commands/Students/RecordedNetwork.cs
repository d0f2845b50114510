using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>An image network with its weights, made by what its record says: in evaluation mode, on the CPU.</summary>
internal sealed class RecordedNetwork : IDisposable
{
    private readonly IPluginInstance _plugin;

    private RecordedNetwork(IPluginInstance plugin, INetwork network, JsonObject record, string name)
    {
        (_plugin, Network, Record, Name) = (plugin, network, record, name);
        Input = [.. record["network_input"]!.AsArray().Select(d => (long)d!)];
        if (record["normalisation"] is { } normalisation)
            Normalisation = (Floats(normalisation["mean"]!), Floats(normalisation["std"]!));
    }

    /// <summary>The weight file.</summary>
    internal string Name { get; }

    internal INetwork Network { get; }

    /// <summary>See host/README.md; of another size where one was asked for.</summary>
    internal JsonObject Record { get; }

    /// <summary>[channels, height, width].</summary>
    internal IReadOnlyList<long> Input { get; }

    /// <summary>(x - mean) / std of values from 0 to 1; null where evaluations do something else.</summary>
    internal (float[] Mean, float[] Std)? Normalisation { get; }

    /// <summary>Makes it.</summary>
    /// <param name="host">The plugins.</param>
    /// <param name="weights">The weight file.</param>
    /// <param name="record">What belongs to it; null for what the file itself says.</param>
    /// <param name="size">Of the images; null for that of training.</param>
    /// <exception cref="KdException">
    /// <c>KDP0820</c>: the record is missing, is of no image network, or the weights fit no such size; <c>KDP0201</c>: its
    /// architecture is not installed; KDP03xx and KDP05xx as of a run.
    /// </exception>
    internal static RecordedNetwork Open(PluginHost host, string weights, JsonObject? record, ImageSize? size)
    {
        record ??= ReadRecord(weights);
        try
        {
            if ((string?)record["input"]?["kind"] != "image" || record["network_input"] is not JsonArray { Count: 3 })
                throw Refusal($"The network of '{weights}' takes no images.", "Name a network that does.");
            if (record["network"] is not JsonObject)
                throw Refusal(
                    $"The network of '{weights}' is none of the recipe's: its method made it, and no plugin can make it anew.",
                    "Name another role with --role."
                );
            if (size is not null)
                Resize(record, size);
            return Make(host, weights, record, size);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or NullReferenceException)
        {
            throw Refusal($"The record in '{weights}' (kd.record) cannot be read: {e.Message}", null, e);
        }
    }

    public void Dispose()
    {
        Network.Module.Dispose();
        _plugin.Dispose();
    }

    /// <summary>The record in a weight file's metadata.</summary>
    /// <exception cref="KdException"><c>KDP0820</c>: there is none.</exception>
    internal static JsonObject ReadRecord(string weights)
    {
        var text = "";
        if (weights.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
        {
            using var file = SafeTensorsFile.Open(weights);
            text = file.Metadata.GetValueOrDefault("kd.record", "");
        }
        try
        {
            if (text.Length > 0 && JsonNode.Parse(text) is JsonObject record)
                return record;
        }
        catch (JsonException e)
        {
            throw Refusal($"The record in '{weights}' (kd.record) is no JSON: {e.Message}", null, e);
        }
        throw Refusal($"'{weights}' does not say which network it belongs to: it has no kd.record in its metadata.");
    }

    private static RecordedNetwork Make(PluginHost host, string weights, JsonObject record, ImageSize? size)
    {
        var id = (string)record["network"]!["id"]!;
        var plugin = host.Catalog.Create(PluginKind.Model, id);
        INetwork? network = null;
        try
        {
            var options = record["network"]!["options"]!.ToJsonString();
            plugin.Plugin.Configure(
                OptionsBinder.Bind(plugin.Plugin.OptionsType, options, $"the record of '{weights}'")
            );
            network = ((IModelPlugin)plugin.Plugin).Create(Request(record));
            Load(network, weights, size);
            network.Module.eval();
            return new(plugin, network, record, weights);
        }
        catch
        {
            network?.Module.Dispose();
            plugin.Dispose();
            throw;
        }
    }

    private static ModelRequest Request(JsonObject record)
    {
        long[] shape = [.. record["network_input"]!.AsArray().Select(d => (long)d!)];
        var names = record["class_names"]!.AsArray().Select(n => (string)n!).ToList();
        long classes = (long)record["classes"]!;
        long[] data = [.. record["input"]!["shape"]!.AsArray().Select(d => (long)d!)];
        return new(
            shape,
            (long)record["outputs"]!,
            new(InputKind.Image, data, TargetKind.ClassIndex, classes, names, [], [], [])
        );
    }

    private static void Load(INetwork network, string weights, ImageSize? size)
    {
        try
        {
            ModuleWeights.Load(network.Module, weights, new() { RefuseNonFinite = true });
        }
        catch (KdException e) when (size is not null && e.Code == WeightErrors.LoadMismatch)
        {
            throw Refusal(
                $"The weights '{weights}' do not fit images of {size.Height}x{size.Width} pixels: the network has weights for every position. {e.Detail}",
                "Leave --size out, or train such a network at that size.",
                e
            );
        }
    }

    private static void Resize(JsonObject record, ImageSize size)
    {
        var input = record["input"]!.AsObject();
        var channels = (long)record["network_input"]![0]!;
        var same = JsonNode.DeepEquals(input["shape"], record["network_input"]);
        record["network_input"] = new JsonArray(channels, (long)size.Height, (long)size.Width);
        if (!same)
            return;
        input["shape"] = record["network_input"]!.DeepClone();
        (input["height"], input["width"]) = (size.Height, size.Width);
        // They were measured at the other size.
        record.Remove("results");
    }

    private static float[] Floats(JsonNode numbers) => [.. numbers.AsArray().Select(v => (float)v!)];

    private static KdException Refusal(string detail, string? remedy = null, Exception? inner = null)
    {
        var error = new KdException(CommandErrors.NotRecorded, detail, remedy, inner);
        ExitCodes.Mark(error, ExitCodes.Damaged);
        return error;
    }
}
