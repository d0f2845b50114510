using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Frskd;

/// <summary>
/// Self-distillation: a self-teacher refines the student's own feature maps, learns the labels, and teaches the student, by the
/// recipe's losses. One stage, "distil", of one update per batch for both. The self-teacher is the role "self-teacher" of the
/// run; it goes into no file of the student's.
/// </summary>
[KdStrategy(
    "frskd",
    Description = "A self-teacher refines the student's own feature maps and teaches it by them",
    Paper = "Ji, Shin, Hwang, Park, Moon: Refine Myself by Teaching Myself, CVPR 2021, arXiv 2103.08273"
)]
public sealed class FrskdStrategy : DistillationStrategy<FrskdOptions>
{
    private const string SelfTeacherRole = "self-teacher";

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Options.Student];

    /// <inheritdoc/>
    public override string Result => Options.Student;

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0302</c>: the student has no such tap; <c>KDP0303</c>: its taps are not two feature maps or more; <c>KDP0304</c>: a
    /// sample has more than one answer; <c>KDP0306</c>: no loss of the recipe looks at a teacher.
    /// </exception>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        Asker.RequireTeacherLoss(context, "Add 'kd' and 'frskd-features'.");
        if (context.Data.Target is not (TargetKind.ClassIndex or TargetKind.Soft))
            throw Asker.Refusal(
                CoreErrors.TargetKind,
                $"classifies by pooled maps and needs a class per sample, the data set gives {context.Data.Target}."
            );
        var student = context.Network(Options.Student);
        var levels = Level.Of(Asker, student.Shape, Options.Levels, Options.Student);
        if (levels.Count < 2)
            throw Asker.WrongShape(
                $"refines two feature maps or more by each other, got {levels.Count} of '{Options.Student}'.",
                "Name them in the option levels."
            );
        var own = new SelfTeacherNetwork(student, levels, Options);
        context.AddRole(SelfTeacherRole, own, Options.Student);
        Trainable[] both =
        [
            context.TrainableOf(Options.Student, [SelfTeacherRole]),
            context.TrainableOf(SelfTeacherRole, []),
        ];
        return
        [
            new Stage(
                "distil",
                StageLength.Epochs(context.Training.Epochs),
                step => step.Update(both, () => Objective(step, own.Basis))
            )
            {
                Trainables = both,
                Trains = [Options.Student, SelfTeacherRole],
                Evaluates = [Options.Student, SelfTeacherRole],
            },
        ];
    }

    // L = CE(z) + CE(z^T) + alpha L_KD + beta L_F; alpha and beta are the recipe's weights.
    private Tensor Objective(IStepContext step, IReadOnlyCollection<string> taps)
    {
        var view = step.View(Options.Student, step.Next("train"));
        var student = step.Forward(Options.Student, view, taps);
        // F_i go in with graph: CE(z^T) trains the student too.
        var refined = step.ForwardFrom(SelfTeacherRole, student, null);
        var weight = FrskdMath.Ramp(step.Progress.Epoch, Options.SilentEpochs, Options.RampEpochs);
        var taught = step.Objective(
            Outputs((Options.Student, student), (SelfTeacherRole, refined.Detach())),
            Options.Student,
            SelfTeacherRole,
            view,
            own: 1,
            guided: weight
        );
        return taught.add(step.Objective(Outputs((SelfTeacherRole, refined)), SelfTeacherRole, null, view));
    }

    private static Dictionary<string, ModelOutput> Outputs(params (string Role, ModelOutput Output)[] answers) =>
        answers.ToDictionary(a => a.Role, a => a.Output);
}
