using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>What a probe found: tensors by name, in the order in which they were added.</summary>
internal sealed class ProbeOutput
{
    private readonly OrderedDictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>Adds a tensor; nothing where there is none. Its values are taken now.</summary>
    internal void Add(string name, Tensor? value)
    {
        if (value is not null)
            _tensors[name] = value.detach().clone();
    }

    /// <summary>Adds logits, embedding and features of an output.</summary>
    internal void Add(ModelOutput output)
    {
        Add("logits", output.Logits);
        Add("embedding", output.Embedding);
        foreach (var (name, value) in output.Features)
            Add($"features.{name}", value);
    }

    /// <summary>Writes the file.</summary>
    /// <exception cref="KdException"><c>KDP056x</c></exception>
    internal WrittenFile Write(string path) => WeightTensors.Save(_tensors, path);

    internal JsonObject Json(PluginDescriptor plugin, ProbeCase one, WrittenFile? file) =>
        new()
        {
            ["event"] = "probe",
            ["kind"] = PluginReport.Name(plugin.Kind),
            ["id"] = plugin.Id,
            ["version"] = plugin.Version,
            ["formula"] = one.Formula,
            ["mode"] = one.Mode,
            ["seed"] = one.Seed,
            ["tensors"] = new JsonArray([.. _tensors.Select(t => Json(t.Key, t.Value))]),
            ["output"] = file?.Path,
            ["sha256"] = file?.Sha256,
        };

    internal string Text(PluginDescriptor plugin, ProbeCase one, WrittenFile? file)
    {
        var text = new StringBuilder();
        text.AppendLine(
            $"{PluginReport.Name(plugin.Kind)} '{plugin.Id}' {plugin.Version}, "
                + (one.Formula is { } formula ? $"formula '{formula}'" : $"{one.Mode} mode, seed {one.Seed}")
        );
        var table = new TextTable("tensor", "dtype and shape", "value or norm");
        foreach (var (name, value) in _tensors)
            table.Add(name, TensorText.Describe(value), Measure(value).ToString("R", CultureInfo.InvariantCulture));
        text.AppendLine(table.ToString());
        if (file is not null)
            text.AppendLine($"Written to {file.Path}, sha256 {file.Sha256}.");
        return text.ToString();
    }

    private static JsonNode Json(string name, Tensor value) =>
        new JsonObject
        {
            ["name"] = name,
            ["dtype"] = value.dtype.ToWeightDType()?.FormatName(),
            ["shape"] = new JsonArray([.. value.shape.Select(d => JsonValue.Create(d))]),
            [value.numel() == 1 ? "value" : "norm"] = Screen.Number(Measure(value)),
        };

    // The value of a scalar, the Euclidean norm of anything else.
    private static double Measure(Tensor value)
    {
        var wide = value.to(ScalarType.Float64);
        return (value.numel() == 1 ? wide.sum() : wide.square().sum().sqrt()).item<double>();
    }
}
