using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>A network on a given input: everything it publishes, and gradients of a weighted sum of that.</summary>
internal sealed class ModelProbe(IModelPlugin plugin, string who, ProbeInput input, ProbeSettings settings)
    : PluginProbe(who, input, settings)
{
    private INetwork? _network;

    protected override IEnumerable<string> KnownNames =>
        [
            "input",
            "mask",
            "cotangent.logits",
            "cotangent.embedding",
            .. ProbeData.Names.Except(["data.samples"]),
            .. _network?.Shape.Taps.Select(t => $"cotangent.features.{t.Name}") ?? [],
        ];

    /// <summary>What models take.</summary>
    internal static IEnumerable<ProbeTensor> Accepts =>
        [
            new("input", "float [B, C, H, W], int64 [B, L]", true, "images or token ids"),
            new("data.classes", "int64 []", true, "the number of outputs of the main head"),
            new("mask", "bool [B, L]", false, "true where a token counts"),
            new("data.mean, data.std", "float [C]", false, "per channel"),
            new("cotangent.logits", "as logits", false, "gradients of sum(cotangent * value); default: of sum(logits)"),
            new("cotangent.embedding", "as embedding", false, "adds to the sum"),
            new("cotangent.features.TAP", "as the tap", false, "adds to the sum"),
        ];

    protected override nn.Module? Make()
    {
        var sample = Input.Need("input", "a model is probed on an input.");
        if (sample.dim() < 2)
            throw ProbeFault.Input($"'input' is {TensorText.Describe(sample)}; expected one row per sample.");
        var classes = Input.Need("data.classes", "a model is made for a number of classes.").to(ScalarType.Int64);
        var count = classes.numel() == 1 ? classes.sum().item<long>() : 0;
        _network = plugin.Create(new(ProbeData.SampleShape(sample), count, ProbeData.Info(Input, count)));
        return _network.Module;
    }

    protected override void Compute()
    {
        var (network, sample) = (_network!, Input.Find("input")!);
        if (sample.is_floating_point())
            sample.requires_grad_(true);
        string[] taps = [.. network.Shape.Taps.Select(t => t.Name)];
        var answer = ProbeFault.Guard(
            Who,
            () => NotGiven("mask"),
            () => network.Forward(sample, Input.Find("mask"), taps)
        );
        Output.Add(answer);
        var values = new List<(string Name, Tensor Value)> { ("logits", answer.Logits) };
        if (answer.Embedding is not null)
            values.Add(("embedding", answer.Embedding));
        values.AddRange(answer.Features.Select(f => ($"features.{f.Key}", f.Value)));
        var weighted = values.Where(v => Input.Peek($"cotangent.{v.Name}") is not null).ToList();
        var scalar = weighted.Count > 0 ? Pull(weighted) : answer.Logits.sum();
        AddGradients(scalar, sample.is_floating_point() ? [("input", sample), .. Module.Leaves] : Module.Leaves);
    }
}
