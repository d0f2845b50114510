using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>
/// Module 2: teacher, encoder and generator are fixed, the anchor net learns on the labelled set. The state with the least
/// anchor loss on the validation data stays; without such data, the last.
/// </summary>
internal sealed class AnchorStage(IPlanContext context, AugKdOptions options, AugKdParts parts)
{
    public Stage Plan()
    {
        double Rate(Progress p) =>
            AugKdParts.Cosine(options.PublishedSchedules ? p.Step : p.Epoch, options.AnchorEpochs);
        var anchor = AugKdParts.Adam("anchor", parts.Anchor, options.AnchorRate, Rate);
        var isScored = context.Sources.Contains("validation");
        return new("anchor", StageLength.Epochs(options.AnchorEpochs), step => Learn(step, anchor))
        {
            Trainables = [anchor],
            Score = isScored ? Score : null,
            KeepBest = isScored,
        };
    }

    private void Learn(IStepContext step, Trainable anchor)
    {
        long n = 0;
        step.Update([anchor], () => Loss(step, step.Next("train"), step.Random.Derive("eps").Derive(n++)));
    }

    private Tensor Loss(IStepContext step, Batch batch, RandomKey key)
    {
        var terms = Terms(step, batch, key);
        step.Report("anchor.uncertainty", terms.Uncertainty / batch.Count);
        step.Report("anchor.mask", terms.Mask);
        step.Report("anchor.cross-entropy", terms.CrossEntropy / batch.Count);
        return options.AnchorReduction == AnchorReduction.Mean ? terms.Total / batch.Count : terms.Total;
    }

    private AnchorTerms Terms(IStepContext step, Batch batch, RandomKey key)
    {
        var (z, labels) = parts.Latents(step, batch, key);
        var (moved, mask) = parts.Anchor.Move(z, labels);
        var images = Batch.Generated(parts.Generator.Decode(moved));
        var logits = step.Through(options.Teacher, step.View(options.Teacher, images), null).Logits;
        return AugKdLosses.Anchor(logits, labels, mask, options.Invariant, options.Uncertainty, options.MaskPenalty);
    }

    // The sum over the validation batches, with the same draws every time.
    private double Score(IStepContext step)
    {
        var (sum, n) = (0.0, 0L);
        var keys = context.Random.Derive("anchor-score");
        step.Visit("validation", 0, batch => sum += Sum(Terms(step, batch, keys.Derive(n++))));
        return -sum;
    }

    private static double Sum(AnchorTerms terms) => terms.Total.to(ScalarType.Float64).item<double>();
}
