using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>What losses on inner values share: which taps they ask for, and what is checked before they compare.</summary>
/// <typeparam name="TOptions">The loss's options.</typeparam>
public abstract class FeatureLoss<TOptions> : DistillationLoss<TOptions>
    where TOptions : FeatureOptions, new()
{
    /// <summary>Whether only feature maps [channels, height, width] can be compared.</summary>
    private protected virtual bool NeedsMaps => true;

    /// <summary>Whether both networks have to have as many channels.</summary>
    private protected virtual bool NeedsSameChannels => false;

    /// <summary>Whether positions within a map are compared, of which there have to be several.</summary>
    private protected virtual bool ComparesPositions => false;

    /// <summary>Whether the samples of a batch are compared with each other.</summary>
    private protected virtual bool ComparesSamples => false;

    /// <summary>A scalar with graph to the student's values, from one pair per tap; [B, ...], in float32 at least.</summary>
    private protected abstract Tensor Compare(IReadOnlyList<(Tensor Student, Tensor Teacher)> pairs);

    /// <inheritdoc/>
    public sealed override IReadOnlyCollection<string> Taps(string role, NetworkShape shape) =>
        role == Options.Student ? Options.Taps
        : role == Options.Teacher ? Options.TaughtBy
        : [];

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0301</c>: a role is missing; <c>KDP0302</c>: a network has no such tap; <c>KDP0303</c>: taps cannot be
    /// compared.
    /// </exception>
    public sealed override void Bind(LossBinding binding)
    {
        var (student, teacher) = (binding.Shape(Options.Student), binding.Shape(Options.Teacher));
        foreach (var (own, other) in Options.Taps.Zip(Options.TaughtBy))
            Require(student.Tap(own), teacher.Tap(other));
    }

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0302</c>: a network did not answer with a tap; <c>KDP0303</c>: the answers are to different numbers of
    /// samples, or too few to be compared.
    /// </exception>
    public sealed override Tensor Compute(ILossContext context) =>
        Compare([
            .. Options.Taps.Zip(
                Options.TaughtBy,
                (own, other) => Pair(context.Student.Feature(own), context.Teacher.Feature(other))
            ),
        ]);

    private (Tensor, Tensor) Pair(Tensor student, Tensor teacher)
    {
        if (student.shape[0] != teacher.shape[0])
            throw Asker.WrongShape(
                $"compares samples one by one, got {TensorText.Shape(student.shape)} of '{Options.Student}' and {TensorText.Shape(teacher.shape)} of '{Options.Teacher}'."
            );
        if (ComparesSamples)
            Asker.RequireSamples(student);
        return (Logits.Wide(student), Logits.Wide(teacher).detach());
    }

    private void Require(Tap student, Tap teacher)
    {
        var what =
            NeedsMaps && (student.Shape.Count != 3 || teacher.Shape.Count != 3)
                ? "feature maps [channels, height, width]"
            : NeedsSameChannels && student.Shape[0] != teacher.Shape[0] ? "as many channels in both networks"
            : "";
        if (what.Length > 0)
            throw Asker.WrongShape(
                $"needs {what}, got {student} of '{Options.Student}' and {teacher} of '{Options.Teacher}'.",
                "Name other taps in the options taps and teacherTaps."
            );
        if (ComparesPositions)
            Asker.RequirePositions((Options.Student, student), (Options.Teacher, teacher));
    }
}
