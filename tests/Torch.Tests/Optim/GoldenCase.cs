using System.Text.Json;
using KdPlugins.Torch.Optim;

namespace KdPlugins.Torch.Tests.Optim;

/// <summary>Makes our optimisers from PyTorch's keywords.</summary>
internal static class GoldenCase
{
    internal static NamedOptimizer Make(string algorithm, Quadratics problem, JsonElement options, JsonElement second)
    {
        var first = problem.Named(0, 1);
        var rest = problem.Named(2);
        double? D(JsonElement e, string key) => e.TryGetProperty(key, out var v) ? v.GetDouble() : null;
        bool? B(JsonElement e, string key) => e.TryGetProperty(key, out var v) ? v.GetBoolean() : null;
        double? Beta(JsonElement e, int i) => e.TryGetProperty("betas", out var v) ? v[i].GetDouble() : null;
        AdamGroup Adam(JsonElement e, IEnumerable<(string, TorchSharp.Modules.Parameter)> p) =>
            new(p, D(e, "lr"), Beta(e, 0), Beta(e, 1), D(e, "eps"), D(e, "weight_decay"));
        return algorithm switch
        {
            "sgd" => new FusedSgd(
                [
                    new SgdGroup(first),
                    new SgdGroup(rest, D(second, "lr"), D(second, "momentum"), D(second, "weight_decay")),
                ],
                D(options, "lr")!.Value,
                D(options, "momentum") ?? 0,
                D(options, "weight_decay") ?? 0,
                D(options, "dampening") ?? 0,
                B(options, "nesterov") ?? false
            ),
            "lars" => new Lars(
                [new LarsGroup(first), new LarsGroup(rest, D(second, "lr"))],
                D(options, "lr")!.Value,
                D(options, "momentum")!.Value,
                D(options, "weight_decay")!.Value
            ),
            _ => new FusedAdam(
                [Adam(options, first), Adam(Merge(options, second), rest)],
                // PyTorch's defaults.
                weightDecay: algorithm == "adamw" ? 0.01 : 0,
                decoupled: algorithm == "adamw"
            ),
        };
    }

    private static JsonElement Merge(JsonElement all, JsonElement own)
    {
        var merged = all.EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
        foreach (var property in own.EnumerateObject())
            merged[property.Name] = property.Value;
        return JsonSerializer.SerializeToElement(merged);
    }
}
