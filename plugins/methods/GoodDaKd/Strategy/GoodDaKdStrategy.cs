using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>
/// Distillation on two streams in one step: the batch as the teacher's view gives it, and the student's view of the same
/// batch, which holds the augmentation under study. The recipe's losses train on the first stream; on the second only
/// those that follow the teacher, whose answers replace the mixed labels. One stage, "distil".
/// </summary>
[KdStrategy(
    "good-da-kd",
    Description = "A fixed teacher, a student, and an extra augmented stream on which only the teacher's answers count",
    Paper = "Wang, Lohit, Jones, Fu: What Makes a \"Good\" Data Augmentation in Knowledge Distillation, NeurIPS 2022"
)]
public sealed class GoodDaKdStrategy : DistillationStrategy<GoodDaKdOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Options.Teacher, Options.Student];

    /// <inheritdoc/>
    public override string Result => Options.Student;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: no loss of the recipe needs a teacher.</exception>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        Asker.RequireTeacherLoss(context);
        return Plans.Distil(context, Options.Student, Objective);
    }

    // gamma CE(S(x), y) + alpha [KD(S(x), T(x)) + lw3 KD(S(x'), T(x'))]; the recipe's weights are gamma and alpha.
    private Tensor Objective(IStepContext step)
    {
        var batch = step.Next("train");
        var original = step.View(Options.Teacher, batch);
        var loss = step.Objective(
            Answer(step, Options.Student, original),
            Answer(step, Options.Teacher, original),
            original
        );
        if (Options.AugmentedWeight == 0)
            return loss;
        var augmented = Augmented(step, batch, original);
        var guided = step.Guidance(
            Answer(step, Options.Student, augmented),
            Answer(step, Options.Teacher, augmented),
            augmented
        );
        return loss.add(guided.mul(Options.AugmentedWeight));
    }

    private static ModelOutput Answer(IStepContext step, string role, Batch batch) => step.Forward(role, batch, []);

    // x' = DA(x), or the best of R of them.
    private Batch Augmented(IStepContext step, Batch batch, Batch original)
    {
        if (Options.Rounds == 1)
            return step.View(Options.Student, batch);
        var views = Enumerable.Range(0, Options.Rounds).Select(_ => step.View(Options.Student, batch));
        var pool = Pool.Join([.. views], Asker);
        return pool.Select(Picker.Rows(Options, pool, original, step));
    }
}
