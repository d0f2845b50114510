using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Kit;

// Plugins that are broken in one way each.

public abstract class MutantLoss : DistillationLoss<NoOptions>
{
    protected static Tensor Good(ILossContext context)
    {
        var (student, teacher) = (context.Student.Logits, context.Teacher.Logits);
        if (!student.shape.SequenceEqual(teacher.shape))
            throw new KdException(CoreErrors.ShapesDiffer, "The logits differ in shape.");
        return (student - teacher).square().mean();
    }
}

[KdLoss("good-loss")]
public sealed class GoodLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) => Good(context);
}

[KdLoss("Not Kebab")]
public sealed class BadIdLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) => Good(context);
}

public sealed class UnmarkedLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) => Good(context);
}

[KdLoss("stopped-loss")]
public sealed class StoppedLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) => Good(context) * Good(context).detach();
}

[KdLoss("random-loss")]
public sealed class RandomLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) => Good(context) * (1 + System.Random.Shared.NextDouble());
}

[KdLoss("global-loss")]
public sealed class GlobalLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) => Good(context) * rand(1, ScalarType.Float64).sum();
}

[KdLoss("in-place-loss")]
public sealed class InPlaceLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context)
    {
        context.Teacher.Logits.sub_(1);
        return Good(context);
    }
}

[KdLoss("counting-loss")]
public sealed class CountingLoss : MutantLoss
{
    private int _calls;

    public override Tensor Compute(ILossContext context) => Good(context) * ++_calls;
}

[KdLoss("leaking-loss")]
public sealed class LeakingLoss : MutantLoss
{
    private readonly List<Tensor> _all = [];

    public override Tensor Compute(ILossContext context)
    {
        _all.Add(context.Student.Logits.detach().clone().DetachFromDisposeScope());
        return Good(context);
    }
}

[KdLoss("overflowing-loss")]
public sealed class OverflowingLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) => Good(context) + context.Student.Logits.exp().mean();
}

[KdLoss("broadcasting-loss")]
public sealed class BroadcastingLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) =>
        (context.Student.Logits - context.Teacher.Logits).square().mean();
}

[KdLoss("casting-loss")]
public sealed class CastingLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) =>
        Good(context) + ((ClassIndexTarget)context.Batch.Target).Labels.sum() * 0;
}

public abstract class MutantAugmentation : Augmentation<NoOptions>
{
    protected static Batch Noise(Batch batch, RandomKey key)
    {
        if (batch.Input.dim() != 4)
            throw new KdException(CoreErrors.ShapesDiffer, "It takes images [B, C, H, W].");
        using var random = key.NewGenerator(CPU);
        return batch.WithInput(batch.Input + rand(batch.Input.shape, generator: random) * 0.1);
    }
}

[KdAugmentation("good-noise")]
public sealed class GoodNoise : MutantAugmentation
{
    public override Batch Apply(Batch batch, IPartContext context) => Noise(batch, context.Random);
}

[KdAugmentation("clock-noise")]
public sealed class ClockNoise : MutantAugmentation
{
    public override Batch Apply(Batch batch, IPartContext context) =>
        Noise(batch, new RandomKey((ulong)System.Diagnostics.Stopwatch.GetTimestamp()));
}

[KdAugmentation("global-noise")]
public sealed class GlobalNoise : MutantAugmentation
{
    public override Batch Apply(Batch batch, IPartContext context) =>
        Noise(batch, context.Random).WithParameter("global-noise.x", rand(1));
}

[KdAugmentation("in-place-noise")]
public sealed class InPlaceNoise : MutantAugmentation
{
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var changed = Noise(batch, context.Random);
        batch.Input.add_(1);
        return changed;
    }
}

[KdAugmentation("counting-noise")]
public sealed class CountingNoise : MutantAugmentation
{
    private long _calls;

    public override Batch Apply(Batch batch, IPartContext context) => Noise(batch, context.Random.Derive(_calls++));
}

[KdAugmentation("shrinking-noise")]
public sealed class ShrinkingNoise : MutantAugmentation
{
    public override Batch Apply(Batch batch, IPartContext context) =>
        Noise(batch.WithInput(batch.Input[.., .., 1.., ..]), context.Random);
}

[KdAugmentation("evaluated-noise")]
public sealed class EvaluatedNoise : MutantAugmentation
{
    public override bool InEvaluation => true;

    public override Batch Apply(Batch batch, IPartContext context) => Noise(batch, context.Random);
}

[KdAugmentation("misnaming-noise")]
public sealed class MisnamingNoise : MutantAugmentation
{
    public override Batch Apply(Batch batch, IPartContext context) =>
        Noise(batch, context.Random).WithParameter("x", zeros(1));
}

[KdAugmentation("together-noise")]
public sealed class TogetherNoise : MutantAugmentation
{
    public override bool IsSampleWise => true;

    public override Batch Apply(Batch batch, IPartContext context) => Noise(batch, context.Random);
}

[KdAugmentation("asking-noise")]
public sealed class AskingNoise : MutantAugmentation
{
    public override bool IsSampleWise => true;

    public override IReadOnlyCollection<string> Consults => [Roles.Teacher];

    public override Batch Apply(Batch batch, IPartContext context) => batch;
}

public abstract class MutantGenerator : Generator<NoOptions>
{
    protected Linear? Linear { get; private set; }

    private long[] _shape = [];

    public override nn.Module? Module => Linear;

    public override void Bind(GeneratorBinding binding)
    {
        if (binding.Data.Kind != InputKind.Image)
            throw new KdException(CoreErrors.ShapesDiffer, "It makes images.");
        _shape = [.. binding.Data.InputShape];
        Linear = nn.Linear(4, _shape.Aggregate(1L, (a, b) => a * b));
    }

    protected Batch Make(long count, RandomKey key)
    {
        using var random = key.NewGenerator(CPU);
        var images = Linear!.call(randn([count, 4], generator: random)).sigmoid().view([count, .. _shape]);
        return new(images, new NoTarget(count), full([count], -1L, ScalarType.Int64));
    }
}

[KdGenerator("good-generator")]
public sealed class GoodGenerator : MutantGenerator
{
    public override Batch Sample(long count, Tensor? labels, IPartContext context) =>
        labels is null
            ? Make(count, context.Random)
            : throw new KdException(CoreErrors.WrongCombination, "It cannot be asked for classes.");
}

[KdGenerator("deaf-generator")]
public sealed class DeafGenerator : MutantGenerator
{
    public override Batch Sample(long count, Tensor? labels, IPartContext context) => Make(count, context.Random);
}

[KdGenerator("fixed-generator")]
public sealed class FixedGenerator : MutantGenerator
{
    public override Batch Sample(long count, Tensor? labels, IPartContext context) => Make(count, new RandomKey(1));
}

[KdGenerator("detached-generator")]
public sealed class DetachedGenerator : MutantGenerator
{
    public override Batch Sample(long count, Tensor? labels, IPartContext context)
    {
        var batch = Make(count, context.Random);
        return batch.WithInput(batch.Input.detach().requires_grad_(true));
    }
}

[KdGenerator("bright-generator")]
public sealed class BrightGenerator : MutantGenerator
{
    public override Batch Sample(long count, Tensor? labels, IPartContext context)
    {
        var batch = Make(count, context.Random);
        return batch.WithInput(batch.Input * 255);
    }
}

public abstract class MutantStrategy : DistillationStrategy<NoOptions>
{
    protected static Stage Stage(IPlanContext context, Action<IStepContext, Trainable> step)
    {
        var student = context.TrainableOf(Roles.Student);
        return new("distil", StageLength.Epochs(context.Training.Epochs), s => step(s, student))
        {
            Trainables = [student],
            Trains = [Roles.Student],
        };
    }

    protected static Tensor Objective(IStepContext step)
    {
        var batch = step.Next("train");
        return step.Objective(
            step.Forward(Roles.Student, batch, null),
            step.Forward(Roles.Teacher, batch, null),
            batch
        );
    }
}

[KdStrategy("good-strategy")]
public sealed class GoodStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [Stage(context, (step, student) => step.Update([student], () => Objective(step)))];
}

[KdStrategy("idle-strategy")]
public sealed class IdleStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) => [Stage(context, (step, _) => Objective(step))];
}

[KdStrategy("dice-strategy")]
public sealed class DiceStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [
            Stage(
                context,
                (step, student) => step.Update([student], () => Objective(step) * System.Random.Shared.NextDouble())
            ),
        ];
}

[KdStrategy("forgetful-strategy")]
public sealed class ForgetfulStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var calls = 0;
        return [Stage(context, (step, student) => step.Update([student], () => Objective(step) * ++calls))];
    }
}

[KdStrategy("hoarding-strategy")]
public sealed class HoardingStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var all = new List<Tensor>();
        return
        [
            Stage(
                context,
                (step, student) =>
                    all.Add(step.Update([student], () => Objective(step)).clone().DetachFromDisposeScope())
            ),
        ];
    }
}
