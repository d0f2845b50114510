using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace Plugin._1;

/// <summary>
/// Two stages: "guided" follows the teacher by those losses alone that need one, "distil" by all losses of the recipe,
/// as the hints of the paper come before its distillation.
/// </summary>
[KdStrategy(
    "plugin-id-1",
    Version = "1.0.0",
    Description = "Learns from the teacher alone, then from the labels too",
    Paper = "Romero et al.: FitNets: Hints for Thin Deep Nets, 2015"
)]
public sealed class KdClassStrategy : DistillationStrategy<KdClassOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var student = context.TrainableOf(Roles.Student);
        return
        [
            Stage(
                "guided",
                Options.GuidedEpochs,
                student,
                (step, own, taught, view) => step.Guidance(own, taught, view)
            ),
            Stage(
                "distil",
                context.Training.Epochs,
                student,
                (step, own, taught, view) => step.Objective(own, taught, view)
            ),
        ];
    }

    private static Stage Stage(
        string name,
        long epochs,
        Trainable student,
        Func<IStepContext, ModelOutput, ModelOutput, Batch, Tensor> objective
    ) =>
        new(
            name,
            StageLength.Epochs(epochs),
            step =>
                step.Update(
                    [student],
                    () =>
                    {
                        var batch = step.Next("train");
                        var taught = step.Forward(Roles.Teacher, step.View(Roles.Teacher, batch), null);
                        var view = step.View(Roles.Student, batch);
                        return objective(step, step.Forward(Roles.Student, view, null), taught, view);
                    }
                )
        )
        {
            Trainables = [student],
            Trains = [Roles.Student],
            Evaluates = [Roles.Student],
        };
}
