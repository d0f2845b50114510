using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>Targets as tensors by name, and back.</summary>
internal static class ProbeTargets
{
    internal static readonly string[] Names =
    [
        "target.labels",
        "target.soft",
        "target.map",
        "target.ignore",
        "target.boxes",
        "target.box-labels",
        "target.box-counts",
        "target.tokens",
        "target.token-mask",
    ];

    private static readonly string[] Heads =
    [
        "target.labels",
        "target.soft",
        "target.map",
        "target.boxes",
        "target.tokens",
    ];

    /// <summary>The target that the input gives; NoTarget where it gives none. Its tensors are not counted as read.</summary>
    /// <exception cref="KdException"><c>KDP0806</c>: several targets, a wrong dtype, a part that is missing.</exception>
    internal static Target Read(ProbeInput input, long count)
    {
        var given = Heads.Where(n => input.Peek(n) is not null).ToList();
        if (given.Count > 1)
            throw ProbeFault.Input($"{input.Origin} gives several targets: {string.Join(", ", given)}; expected one.");
        Target target = given switch
        {
            ["target.labels"] => new ClassIndexTarget(Whole(input, "target.labels")),
            ["target.soft"] => new SoftTarget(Part(input, "target.soft")),
            ["target.map"] => new ClassMapTarget(Whole(input, "target.map"), Ignored(input)),
            ["target.boxes"] => Boxes(input),
            ["target.tokens"] => new TokenTarget(Whole(input, "target.tokens"), TokenMask(input)),
            _ => new NoTarget(count),
        };
        return target.Count == count
            ? target
            : throw ProbeFault.Input($"'{given[0]}' is of {target.Count} samples, the other tensors are of {count}.");
    }

    /// <summary>Adds a target's tensors.</summary>
    internal static void Write(Target target, ProbeOutput output)
    {
        switch (target)
        {
            case ClassIndexTarget t:
                output.Add("target.labels", t.Labels);
                break;
            case SoftTarget t:
                output.Add("target.soft", t.Values);
                break;
            case ClassMapTarget t:
                output.Add("target.map", t.Labels);
                output.Add("target.ignore", tensor(t.IgnoreIndex));
                break;
            case BoxTarget t:
                output.Add("target.boxes", cat([.. t.Boxes]));
                output.Add("target.box-labels", cat([.. t.Labels]));
                output.Add("target.box-counts", tensor(t.Boxes.Select(b => b.shape[0]).ToArray()));
                break;
            case TokenTarget t:
                output.Add("target.tokens", t.Ids);
                output.Add("target.token-mask", t.Mask);
                break;
        }
    }

    /// <summary>What a data set with such a target would say.</summary>
    internal static TargetKind KindOf(ProbeInput input) =>
        Heads.FirstOrDefault(n => input.Peek(n) is not null) switch
        {
            "target.labels" => TargetKind.ClassIndex,
            "target.soft" => TargetKind.Soft,
            "target.map" => TargetKind.ClassMap,
            "target.boxes" => TargetKind.Boxes,
            "target.tokens" => TargetKind.Tokens,
            _ => TargetKind.None,
        };

    private static Tensor Part(ProbeInput input, string name)
    {
        var found = input.Peek(name) ?? throw ProbeFault.Input($"{input.Origin} has no tensor '{name}'.");
        return found.dim() > 0
            ? found
            : throw ProbeFault.Input($"'{name}' is {TensorText.Describe(found)}; expected one row per sample.");
    }

    private static Tensor Whole(ProbeInput input, string name)
    {
        var found = Part(input, name);
        return found.dtype == ScalarType.Int64
            ? found
            : throw ProbeFault.Input($"'{name}' is {TensorText.Describe(found)}; expected Int64.");
    }

    private static long Ignored(ProbeInput input) =>
        input.Peek("target.ignore") is { } found ? found.to(ScalarType.Int64).sum().item<long>() : 255;

    private static Tensor TokenMask(ProbeInput input) =>
        input.Peek("target.token-mask") ?? ones_like(input.Peek("target.tokens")!, dtype: ScalarType.Bool);

    private static BoxTarget Boxes(ProbeInput input)
    {
        var counts = Whole(input, "target.box-counts").data<long>().ToArray();
        var (boxes, labels) = (Part(input, "target.boxes"), Whole(input, "target.box-labels"));
        if (counts.Any(c => c < 0) || counts.Sum() != boxes.shape[0] || labels.shape[0] != boxes.shape[0])
            throw ProbeFault.Input(
                $"'target.box-counts' add up to {counts.Sum()} boxes; 'target.boxes' is {TensorText.Describe(boxes)}, "
                    + $"'target.box-labels' {TensorText.Describe(labels)}."
            );
        return new(boxes.split(counts, 0), labels.split(counts, 0));
    }
}
