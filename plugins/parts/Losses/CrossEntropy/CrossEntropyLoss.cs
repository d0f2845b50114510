using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// The mean negative log-likelihood of the target: of a class, of a distribution over classes, of a class per pixel, or
/// of a token per position. Pixels of the ignored class and masked tokens count neither above nor below the line.
/// </summary>
[KdLoss(
    "cross-entropy",
    Description = "Cross-entropy with classes, soft targets, class maps or tokens; label smoothing"
)]
public sealed class CrossEntropyLoss : DistillationLoss<CrossEntropyOptions>
{
    // libtorch's own mark for "does not count".
    private const long Ignored = -100;

    // Below it nothing in a batch counts.
    private const double LeastWeight = 1e-12;

    // By class; empty where all weigh the same.
    private double[] _weights = [];

    /// <inheritdoc/>
    public override bool NeedsTeacher => false;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0302</c>: the network has no such tap.</exception>
    public override IReadOnlyCollection<string> Taps(string role, NetworkShape shape) =>
        Options.Tap.Length == 0 ? []
        : role == Roles.Student ? [shape.Tap(Options.Tap).Name]
        // Whoever learns here may be called otherwise.
        : [.. shape.Taps.Where(t => t.Name == Options.Tap).Select(t => t.Name)];

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: there are not as many weights as classes; <c>KDP0306</c>: the data do not say how many samples each
    /// class has.
    /// </exception>
    public override void Bind(LossBinding binding)
    {
        _weights = Options.BalancedClasses ? Balanced(binding.ClassCounts) : [.. Options.ClassWeights];
        if (_weights.Length > 0 && _weights.Length != binding.Data.Classes)
            throw Asker.Refusal(
                CoreErrors.ShapesDiffer,
                $"has {_weights.Length} class weights, the data set {binding.Data.Classes} classes."
            );
    }

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: logits, target and mask have shapes that do not fit, or there is a single class; <c>KDP0304</c>: the
    /// target is of another kind.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        var answer = Options.Tap.Length == 0 ? context.Student.Logits : context.Student.Feature(Options.Tap);
        var logits = Logits.Wide(answer);
        Asker.RequireClasses(logits);
        return context.Batch.Target switch
        {
            ClassIndexTarget target => Classes(logits, target.Labels),
            SoftTarget target => Soft(logits, target.Values),
            ClassMapTarget target => Map(logits, target),
            TokenTarget target => Tokens(logits, target),
            var other => throw Asker.Refusal(
                CoreErrors.TargetKind,
                $"needs class, soft, class-map or token targets, the data set gives {other?.Kind.ToString() ?? "no target"}."
            ),
        };
    }

    private Tensor Classes(Tensor logits, Tensor labels)
    {
        RequireShape(logits, "labels", labels, [logits.shape[0]]);
        return Nll(logits, labels);
    }

    // With smoothing e over C classes, p becomes (1 - e) p + e / C.
    private Tensor Soft(Tensor logits, Tensor values)
    {
        RequireShape(logits, "soft targets", values, logits.shape);
        if (Options.LabelSmoothing > 0)
            values = values.mul(1 - Options.LabelSmoothing).add(Options.LabelSmoothing / logits.shape[1]);
        return KdMath.SoftCrossEntropy(logits, Weights(logits) is { } weights ? values * weights : values);
    }

    private Tensor? Weights(Tensor logits) =>
        _weights.Length == 0 ? null : tensor(_weights, dtype: logits.dtype, device: logits.device);

    // What no sample is of weighs as the mean does.
    private double[] Balanced(IReadOnlyList<long> counts)
    {
        if (counts.Count == 0)
            throw Asker.Refusal(
                CoreErrors.WrongCombination,
                "is to balance classes, and the training data do not say of which class their samples are."
            );
        var present = counts.Count(n => n > 0);
        return [.. counts.Select(n => n == 0 ? 1 : counts.Sum() / ((double)present * n))];
    }

    private Tensor Map(Tensor logits, ClassMapTarget target)
    {
        var (shape, labels) = (logits.shape, target.Labels);
        // Networks answer at a stride of their own.
        if (shape.Length == 4 && labels.dim() == 3 && shape[2] <= labels.shape[1] && shape[3] <= labels.shape[2])
            logits = FeatureMath.Enlarge(logits, labels.shape[1], labels.shape[2], Options.AlignCorners);
        RequireShape(logits, "class maps", labels, shape.Length == 4 ? [shape[0], .. logits.shape[2..]] : []);
        return Nll(logits, labels.masked_fill(labels.eq(target.IgnoreIndex), Ignored));
    }

    private Tensor Tokens(Tensor logits, TokenTarget target)
    {
        var shape = logits.shape;
        RequireShape(logits, "token targets", target.Ids, shape.Length == 3 ? [shape[0], shape[1]] : []);
        Asker.RequireMask(target.Mask, target.Ids.shape);
        var labels = target.Ids.masked_fill(target.Mask.logical_not(), Ignored);
        return Nll(logits.flatten(0, 1), labels.flatten());
    }

    // Where nothing counts there is nothing to learn: the sum over no element, not 0 / 0.
    private Tensor Nll(Tensor logits, Tensor labels)
    {
        var weights = Weights(logits);
        var sum = nn.functional.cross_entropy(
            logits,
            labels,
            weights,
            ignore_index: Ignored,
            reduction: nn.Reduction.Sum,
            label_smoothing: Options.LabelSmoothing
        );
        var counts = labels.ne(Ignored);
        if (weights is null)
            return sum.div(counts.sum().clamp_min(1));
        var weight = weights.index_select(0, labels.clamp_min(0).flatten()).mul(counts.flatten()).sum();
        return sum.div(weight.clamp_min(LeastWeight));
    }

    private void RequireShape(Tensor logits, string name, Tensor target, ReadOnlySpan<long> expected)
    {
        if (!target.shape.AsSpan().SequenceEqual(expected) || expected.IsEmpty)
            throw Asker.WrongShape(
                $"got logits {TensorText.Shape(logits.shape)} and {name} {TensorText.Shape(target.shape)}, which do not belong together."
            );
    }
}
