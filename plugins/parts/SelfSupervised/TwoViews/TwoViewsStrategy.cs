using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.SelfSupervised;

/// <summary>
/// Trains one network without targets: two views of every sample, each drawn by the role's own augmentations, and the
/// recipe's losses of two views. One stage, <c>train</c>, of as many epochs as the recipe says.
/// </summary>
[KdStrategy("two-views", Description = "Self-supervised training on two views of each sample")]
public sealed class TwoViewsStrategy : DistillationStrategy<TwoViewsOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Options.Role];

    /// <inheritdoc/>
    public override string Result => Options.Role;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0305</c>: there is no such source; <c>KDP0332</c>: a loss needs a teacher.</exception>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var role = Options.Role;
        Untaught.Require($"{Asker} trains '{role}'", context);
        _ = context.SourceCount(Options.Source);
        var trainable = context.TrainableOf(role);

        void Train(IStepContext step) =>
            step.Update(
                [trainable],
                () =>
                {
                    var batch = step.Next(Options.Source);
                    var (first, second) = (step.View(role, batch), step.View(role, batch));
                    if (ReferenceEquals(first, second))
                        throw Asker.WrongCombination(
                            $"needs two views of each sample, and the role '{role}' has no augmentations of its own.",
                            $"Put augmentations under \"{role}\"; what stands under \"shared\" is done once."
                        );
                    var outputs = new Dictionary<string, ModelOutput>
                    {
                        [role] = step.Forward(role, first, null),
                        [Views.Second] = step.Forward(role, second, null),
                    };
                    return step.Objective(outputs, role, null, first);
                }
            );

        return
        [
            new Stage("train", StageLength.Epochs(context.Training.Epochs), Train)
            {
                Source = Options.Source,
                Trainables = [trainable],
                Trains = [role],
            },
        ];
    }
}
