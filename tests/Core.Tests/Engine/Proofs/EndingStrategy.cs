using KdPlugins.Sdk;

namespace KdPlugins.Core.Tests.Engine.Proofs;

/// <summary>Offline distillation that does something at its end, and a stage that nobody evaluates, which takes no epoch.</summary>
[KdStrategy("proof-ending")]
public sealed class EndingStrategy : DistillationStrategy<NoOptions>
{
    /// <summary>The steps after which the first stage ended.</summary>
    internal static List<long> Ends { get; } = [];

    public override IReadOnlyCollection<string> Needs => [Roles.Teacher, Roles.Student];

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var student = context.TrainableOf(Roles.Student);

        void Step(IStepContext step) =>
            step.Update(
                [student],
                () =>
                {
                    var view = step.View(Roles.Student, step.Next("train"));
                    var taught = step.Forward(Roles.Teacher, view, null);
                    return step.Objective(step.Forward(Roles.Student, view, null), taught, view);
                }
            );

        return
        [
            new Stage("train", StageLength.Epochs(context.Training.Epochs), Step)
            {
                Trainables = [student],
                Trains = [Roles.Student],
                Evaluates = [Roles.Student],
                End = step => Ends.Add(step.Progress.Step),
            },
            new Stage("blind", StageLength.Steps(0), Step) { Trainables = [student], Trains = [Roles.Student] },
        ];
    }
}
