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
    /// <param name="input">The tensors.</param>
    /// <param name="count">The number of samples.</param>
    /// <param name="classes">The number of classes that the student answers with; 0 where that is not known.</param>
    /// <exception cref="KdException">
    /// <c>KDP0806</c>: several targets, a wrong dtype, a part that is missing, a label that is no class.
    /// </exception>
    internal static Target Read(ProbeInput input, long count, long classes)
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
        if (target.Count != count)
            throw ProbeFault.Input($"'{given[0]}' is of {target.Count} samples, the other tensors are of {count}.");
        RequireClasses(input, target, classes);
        return target;
    }

    /// <summary>Refuses a label that is no class.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="labels">int64, any shape.</param>
    /// <param name="counts">bool of that shape, where a label counts; null for everywhere.</param>
    /// <param name="classes">The number of classes; 0 where that is not known, then only what is negative is refused.</param>
    /// <exception cref="KdException"><c>KDP0806</c>, with the first such label and its place.</exception>
    internal static void RequireClasses(string name, Tensor labels, Tensor? counts, long classes)
    {
        var wrong = labels.lt(0);
        if (classes > 0)
            wrong = wrong.logical_or(labels.ge(classes));
        if (counts is not null)
            wrong = wrong.logical_and(counts);
        var places = wrong.nonzero().contiguous();
        if (places.shape[0] == 0)
            return;
        var place = places[0].data<long>().ToArray();
        var found = labels.masked_select(wrong)[0].item<long>();
        throw ProbeFault.Input(
            $"'{name}' has {found} at {TensorText.Shape(place)}; expected "
                + (classes > 0 ? $"0 to {classes - 1}, of {classes} classes." : "0 at least.")
        );
    }

    private static void RequireClasses(ProbeInput input, Target target, long answered)
    {
        var said = (long)input.Number("data.classes", 0);
        var classes = answered > 0 && said > 0 ? Math.Min(answered, said) : Math.Max(answered, said);
        switch (target)
        {
            case ClassIndexTarget t:
                RequireClasses("target.labels", t.Labels, null, classes);
                break;
            case ClassMapTarget t:
                RequireClasses("target.map", t.Labels, t.Labels.ne(t.IgnoreIndex), classes);
                break;
            case BoxTarget:
                RequireClasses("target.box-labels", input.Peek("target.box-labels")!, null, classes);
                break;
            // A mask of another shape is the loss's to refuse.
            case TokenTarget t when t.Mask.shape.SequenceEqual(t.Ids.shape):
                RequireClasses("target.tokens", t.Ids, t.Mask, classes);
                break;
        }
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
