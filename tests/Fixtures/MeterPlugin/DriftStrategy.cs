using KdPlugins.Core;
using KdPlugins.Sdk;

namespace MeterPlugin;

/// <summary>Moves the student's one parameter by the learning rate in every step: it passes its best state and goes on.</summary>
[KdStrategy("drift", Description = "One parameter that grows by the learning rate.")]
public sealed class DriftStrategy : DistillationStrategy<NoOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Roles.Student];

    /// <inheritdoc/>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var student = context.TrainableOf(Roles.Student);
        return
        [
            new Stage(
                "drift",
                StageLength.Epochs(context.Training.Epochs),
                step =>
                    step.Update(
                        [student],
                        () =>
                        {
                            step.Next("train");
                            return -student.Parameters[0].Item2.sum();
                        }
                    )
            )
            {
                Trainables = [student],
                Trains = [Roles.Student],
                Evaluates = [Roles.Student],
            },
        ];
    }
}
