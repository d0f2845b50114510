using KdPlugins.Authors.Tests.Kit;
using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Faults;

// Strategies with one mistake each that an author makes.

[KdStrategy("async-step")]
public sealed class AsyncStep : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [
            Stage(
                context,
                async (step, student) =>
                {
                    await Task.CompletedTask;
                    step.Update([student], () => Objective(step));
                }
            ),
        ];
}

[KdStrategy("step-in-a-task")]
public sealed class StepInTask : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [Stage(context, (step, student) => Task.Run(() => step.Publish("x", 1)).Wait())];
}

[KdStrategy("other-thread")]
public sealed class OtherThread : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [
            Stage(
                context,
                (step, student) =>
                {
                    step.Update([student], () => Objective(step));
                    Task.Factory.StartNew(() => step.Publish("x", 1), TaskCreationOptions.LongRunning).Wait();
                }
            ),
        ];
}

[KdStrategy("kept-context")]
public sealed class KeptContext : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        IStepContext? first = null;
        return
        [
            Stage(
                context,
                (step, student) =>
                {
                    first ??= step;
                    first.Publish("x", 1);
                    step.Update([student], () => Objective(step));
                }
            ),
        ];
    }
}

[KdStrategy("unused-head")]
public sealed class UnusedHead : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var head = nn.Linear(4, 4);
        context.State.Register("head", head);
        Trainable[] both = [context.TrainableOf(Roles.Student), Trainable.Of("head", head, null, null)];
        var stage = Stage(context, (step, _) => step.Update(both, () => Objective(step)));
        stage.Trainables = both;
        return [stage];
    }
}

[KdStrategy("unused-layer")]
public sealed class UnusedLayer : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var used = nn.Linear(4, 4);
        var heads = nn.Sequential(("used", used), ("spare", nn.Linear(4, 4)));
        context.State.Register("heads", heads);
        Trainable[] both = [context.TrainableOf(Roles.Student), Trainable.Of("heads", heads, null, null)];
        var stage = Stage(
            context,
            (step, _) => step.Update(both, () => Objective(step) + used.call(ones(1, 4)).square().sum())
        );
        stage.Trainables = both;
        return [stage];
    }
}

[KdStrategy("idle-second-stage")]
public sealed class IdleSecondStage : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var student = context.TrainableOf(Roles.Student);
        var first = Stage(context, (step, s) => step.Update([s], () => Objective(step)));
        return
        [
            first,
            new("second", StageLength.Steps(4), step => Objective(step))
            {
                Trainables = [student],
                Trains = [Roles.Student],
            },
        ];
    }
}

[KdStrategy("own-backward")]
public sealed class OwnBackward : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [Stage(context, (step, _) => Objective(step).backward())];
}

[KdStrategy("no-trainables")]
public sealed class NoTrainables : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var stage = Stage(context, (step, student) => step.Update([student], () => Objective(step)));
        stage.Trainables = [];
        return [stage];
    }
}

[KdStrategy("training-teacher")]
public sealed class TrainingTeacher : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var stage = Stage(context, (step, student) => step.Update([student], () => Objective(step)));
        stage.Trains = [Roles.Student, Roles.Teacher];
        return [stage];
    }
}

[KdStrategy("teacher-put-into-training")]
public sealed class TeacherPutIntoTraining : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var teacher = context.Network(Roles.Teacher);
        return
        [
            Stage(
                context,
                (step, student) =>
                {
                    teacher.Module.train();
                    step.Update([student], () => Objective(step));
                }
            ),
        ];
    }
}

/// <summary>Its statistics move, though its mode is put back.</summary>
[KdStrategy("teacher-asked-past-the-step")]
public sealed class TeacherAskedPastTheStep : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var teacher = context.Network(Roles.Teacher);
        return
        [
            Stage(
                context,
                (step, student) =>
                {
                    teacher.Module.train();
                    teacher.Forward(step.Next("train").Input, null!, []);
                    teacher.Module.eval();
                    step.Update([student], () => Objective(step));
                }
            ),
        ];
    }
}

[KdStrategy("clocked")]
public sealed class Clocked : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [
            Stage(
                context,
                (step, student) => step.Update([student], () => Objective(step) * (DateTime.Now.Year > 2000 ? 1 : 2))
            ),
        ];
}
