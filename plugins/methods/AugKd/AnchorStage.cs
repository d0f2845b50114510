using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>
/// Module 2: teacher, encoder and generator are fixed, the anchor net learns on the labelled set. The state with the least
/// anchor loss on the validation data stays; without such data, the last.
/// </summary>
internal sealed class AnchorStage(IPlanContext context, AugKdOptions options, AugKdParts parts)
{
    private readonly Trainable _anchor = Trainable.Of(
        "anchor",
        parts.Anchor,
        AugKdParts.Adam(options.AnchorRate),
        p => AugKdParts.Cosine(options.PublishedSchedules ? p.Step : p.Epoch, Math.Max(1, options.AnchorEpochs))
    );

    public Stage Plan() =>
        new("anchor", StageLength.Epochs(options.AnchorEpochs), Step)
        {
            Trainables = [_anchor],
            Score = context.Sources.Contains("validation") ? Score : null,
            KeepBest = context.Sources.Contains("validation"),
        };

    private void Step(IStepContext step)
    {
        AugKdParts.Fix(parts.Generator.Module);
        AugKdParts.Fix(parts.Encoder);
        AugKdParts.Train(parts.Anchor);
        long n = 0;
        step.Update(
            [_anchor],
            () =>
            {
                var batch = step.Next("train");
                var terms = Terms(step, batch, step.Random.Derive("eps").Derive(n++));
                step.Report("anchor.uncertainty", terms.Uncertainty / batch.Count);
                step.Report("anchor.mask", terms.Mask);
                step.Report("anchor.cross-entropy", terms.CrossEntropy / batch.Count);
                return options.AnchorReduction == AnchorReduction.Mean ? terms.Total / batch.Count : terms.Total;
            }
        );
    }

    private AnchorTerms Terms(IStepContext step, Batch batch, RandomKey key)
    {
        var labels = TargetReader.As<ClassIndexTarget>(batch.Target, AugKdStrategy.Name).Labels;
        Tensor z;
        using (no_grad())
            z = parts.Encode(batch.Input, labels, key).Z;
        var (moved, mask) = parts.Anchor.Move(z, labels);
        var logits = parts.Teach(step, parts.Generator.Decode(moved));
        return AugKdLosses.Anchor(logits, labels, mask, options.Invariant, options.Uncertainty, options.MaskPenalty);
    }

    // The sum over the validation batches, with the same draws every time.
    private double Score(IStepContext step)
    {
        parts.Anchor.eval();
        var (sum, n) = (0.0, 0L);
        step.Visit(
            "validation",
            0,
            batch =>
            {
                var key = context.Random.Derive("anchor-score").Derive(n++);
                sum += Terms(step, batch, key).Total.to(ScalarType.Float64).item<double>();
            }
        );
        return -sum;
    }
}
