using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>Plans that several strategies share.</summary>
public static class Plans
{
    /// <summary>
    /// One stage, "distil", of as many epochs as the recipe says, whose steps are each one update of a role by an
    /// objective. The role is evaluated after every epoch.
    /// </summary>
    /// <param name="context">What <see cref="IDistillationStrategy.Plan"/> was given.</param>
    /// <param name="student">The role that learns, by the recipe's optimiser and schedule; the losses' parameters with it.</param>
    /// <param name="objective">
    /// A scalar with graph. Draws its own batch, and is called once for each batch in a step that accumulates gradients.
    /// </param>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP0301</c>: the recipe has no such role.</exception>
    public static IReadOnlyList<Stage> Distil(
        IPlanContext context,
        string student,
        Func<IStepContext, Tensor> objective
    )
    {
        var trainable = context.TrainableOf(student);
        return
        [
            new Stage(
                "distil",
                StageLength.Epochs(context.Training.Epochs),
                step => step.Update([trainable], () => objective(step))
            )
            {
                Trainables = [trainable],
                Trains = [student],
                Evaluates = [student],
            },
        ];
    }
}
