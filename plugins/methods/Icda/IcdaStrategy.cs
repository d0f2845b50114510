using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Icda;

/// <summary>
/// Distillation with dual augmentation: from each batch the student's augmentations make one view and the teacher's
/// another, and the student learns by the weighted sum of the recipe's losses across them. One stage, "distil". Nothing
/// here knows what the data are: a view is whatever a role's augmentations make of a batch.
/// </summary>
[KdStrategy(
    "icda",
    Description = "Teacher and student see different augmentations of the same samples (dual augmentation)",
    Paper = "Giakoumoglou, Stathaki: Distilling Invariant Representations with Dual Augmentation, arXiv 2410.09474, 2024"
)]
public sealed class IcdaStrategy : DistillationStrategy<IcdaOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Options.Teacher, Options.Student];

    /// <inheritdoc/>
    public override string Result => Options.Student;

    /// <inheritdoc/>
    protected override void OnConfigured()
    {
        if (Options is { IncludeSameView: true, ViewMode: ViewMode.Split })
            throw Asker.WrongCombination(
                "with includeSameView compares networks on the same view, and with viewMode 'split' they share none.",
                "Set viewMode to symmetric, or leave includeSameView out."
            );
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: no loss of the recipe looks at the teacher.</exception>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        Asker.RequireTeacherLoss(
            context,
            "Add the loss 'icd', maybe with 'kd' beside it, or take the strategy 'supervised'."
        );
        return Plans.Distil(context, Options.Student, Objective);
    }

    private Tensor Objective(IStepContext step)
    {
        var batch = step.Next("train");
        // x_s = A_s(x), x_t = A_t(x), drawn independently
        var own = step.View(Options.Student, batch);
        var other = Aligned(own, step.View(Options.Teacher, batch));
        return Options.ViewMode == ViewMode.Split ? Split(step, own, other) : Symmetric(step, own, other);
    }

    // Variant V1: gamma CE(z_S(x_s), y) + a KD(z_S(x_s), z_T(x_t)) + beta ICD(f_S(x_s), f_T(x_t))
    private Tensor Split(IStepContext step, Batch own, Batch other) =>
        step.Objective(step.Forward(Options.Student, own, null), Taught(step, own, other, other), own);

    // Variant V2: the mean over (S(v1), T(v2)) and (S(v2), T(v1)), and over the pairs within a view where asked for.
    private Tensor Symmetric(IStepContext step, Batch first, Batch second)
    {
        if (ReferenceEquals(first, second))
            throw Asker.WrongCombination(
                "with viewMode 'symmetric' got the same view twice: neither role has augmentations.",
                $"Give '{Options.Student}' or '{Options.Teacher}' augmentations of its own, or take viewMode split."
            );
        var total = zeros(1, device: first.Input.device).squeeze();
        foreach (var (seen, other) in new[] { (first, second), (second, first) })
        {
            var student = step.Forward(Options.Student, seen, null);
            total = total.add(step.Objective(student, Taught(step, seen, other, other), seen));
            if (Options.IncludeSameView)
                total = total.add(step.Objective(student, Taught(step, seen, other, seen), seen));
        }
        return total.div(Options.IncludeSameView ? 4 : 2);
    }

    // What the teacher answers to a student that sees a view: logits as kdOn says, features of the given view.
    private ModelOutput Taught(IStepContext step, Batch seen, Batch other, Batch features)
    {
        var logits = Options.KdOn == LogitView.Same ? seen : other;
        var answer = step.Forward(Options.Teacher, features, null);
        return ReferenceEquals(logits, features)
            ? answer
            : new(step.Forward(Options.Teacher, logits, null).Logits, answer.Embedding, answer.Features);
    }

    // The teacher's rows in the order of the student's, whose augmentations may have picked, repeated or reordered samples.
    internal Batch Aligned(Batch student, Batch teacher)
    {
        var (wanted, given) = (student.Indices.data<long>().ToArray(), teacher.Indices.data<long>().ToArray());
        if (wanted.AsSpan().SequenceEqual(given))
            return teacher;
        // Generated samples all have the number -1: there is no telling which is which.
        var rows = Array.ConvertAll(wanted, index => index < 0 ? -1L : Array.IndexOf(given, index));
        var lost = Array.FindIndex(rows, row => row < 0);
        if (lost >= 0)
            throw Asker.WrongCombination(
                $"compares samples: the student's view has sample {wanted[lost]}, the teacher's has not.",
                "Let augmentations that pick samples stand among the student's own or the shared ones."
            );
        return teacher.Select(tensor(rows));
    }
}
