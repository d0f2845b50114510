using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

/// <summary>
/// The form of RDD: dense targets with an ignored class, networks with two heads, per-pixel weights from the teacher's
/// own disagreement, two stages with a hard switch.
/// </summary>
[KdStrategy("proof-dense")]
public sealed class DenseStrategy : DistillationStrategy<NoOptions>
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var student = context.TrainableOf(Roles.Student);
        return [Stage("easy", student, EasyFirst), Stage("relative", student, WhereTheyDisagree)];
    }

    private static Stage Stage(
        string name,
        Trainable student,
        Func<ModelOutput, ModelOutput, ClassMapTarget, Tensor> loss
    ) =>
        new(
            name,
            StageLength.Epochs(1),
            step =>
            {
                var batch = step.Next("train");
                var target = TargetReader.As<ClassMapTarget>(batch.Target, name);
                var taught = step.Forward(Roles.Teacher, batch, ["aux"]);
                step.Update([student], () => loss(step.Forward(Roles.Student, batch, ["aux"]), taught, target));
            }
        )
        {
            Trainables = [student],
            Trains = [Roles.Student],
            Evaluates = [Roles.Student],
        };

    private static Tensor EasyFirst(ModelOutput student, ModelOutput teacher, ClassMapTarget target)
    {
        var aux = nn.functional.log_softmax(teacher.Feature("aux"), 1);
        var main = nn.functional.log_softmax(teacher.Logits, 1);
        var disagreement = (aux.exp() * (aux - main)).sum(1, keepdim: true);
        var weight = Up((-disagreement).exp(), target).squeeze(1);
        return (weight * (PerPixel(student.Logits, target) + 0.4 * PerPixel(student.Feature("aux"), target))).mean();
    }

    private static Tensor WhereTheyDisagree(ModelOutput student, ModelOutput teacher, ClassMapTarget target)
    {
        var hard = Hard(student.Logits, target).logical_xor(Hard(teacher.Logits, target)).to_type(ScalarType.Float32);
        return (hard * PerPixel(student.Logits, target)).sum() / hard.sum().clamp_min(1);
    }

    private static Tensor Hard(Tensor logits, ClassMapTarget target) => PerPixel(logits.detach(), target).gt(0.7);

    private static Tensor PerPixel(Tensor logits, ClassMapTarget target) =>
        nn.functional.cross_entropy(
            Up(logits, target),
            target.Labels,
            ignore_index: target.IgnoreIndex,
            reduction: nn.Reduction.None
        );

    private static Tensor Up(Tensor map, ClassMapTarget target) =>
        nn.functional.interpolate(
            map,
            size: [target.Labels.shape[1], target.Labels.shape[2]],
            mode: InterpolationMode.Bilinear,
            align_corners: true
        );
}
