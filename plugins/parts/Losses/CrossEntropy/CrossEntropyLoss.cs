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

    /// <inheritdoc/>
    public override bool NeedsTeacher => false;

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: logits, target and mask have shapes that do not fit, or there is a single class; <c>KDP0304</c>: the
    /// target is of another kind.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        var logits = Logits.Wide(context.Student.Logits);
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
        if (Options.LabelSmoothing == 0)
            return KdMath.SoftCrossEntropy(logits, values);
        var smooth = values.mul(1 - Options.LabelSmoothing).add(Options.LabelSmoothing / logits.shape[1]);
        return KdMath.SoftCrossEntropy(logits, smooth);
    }

    private Tensor Map(Tensor logits, ClassMapTarget target)
    {
        var shape = logits.shape;
        RequireShape(logits, "class maps", target.Labels, shape.Length == 4 ? [shape[0], shape[2], shape[3]] : []);
        var labels = target.Labels;
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
        var sum = nn.functional.cross_entropy(
            logits,
            labels,
            ignore_index: Ignored,
            reduction: nn.Reduction.Sum,
            label_smoothing: Options.LabelSmoothing
        );
        return sum.div(labels.ne(Ignored).sum().clamp_min(1));
    }

    private void RequireShape(Tensor logits, string name, Tensor target, ReadOnlySpan<long> expected)
    {
        if (!target.shape.AsSpan().SequenceEqual(expected) || expected.IsEmpty)
            throw Asker.WrongShape(
                $"got logits {TensorText.Shape(logits.shape)} and {name} {TensorText.Shape(target.shape)}, which do not belong together."
            );
    }
}
