using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>
/// Module 3: the student learns by the recipe's losses on real images and on those mixed from their anchors, with a share s
/// that goes from the teacher's domain to the student's. The state that is best on the validation data stays.
/// </summary>
internal sealed class MixupStage(IPlanContext context, AugKdOptions options, AugKdParts parts)
{
    // PyTorch's ConstantLR with its defaults, which the published code steps per batch.
    private const double PublishedFactor = 1.0 / 3;
    private const int PublishedSteps = 5;

    public Stage Plan()
    {
        var student = context.TrainableOf(options.Student);
        if (options.PublishedSchedules)
            student = new(student.Name, student.Parameters, null, p => p.Step < PublishedSteps ? PublishedFactor : 1);
        return new("mixup", StageLength.Epochs(context.Training.Epochs), step => Learn(step, student))
        {
            Trainables = [student],
            Trains = [options.Student],
            Evaluates = [options.Student],
            KeepBest = true,
        };
    }

    private void Learn(IStepContext step, Trainable student)
    {
        var epochs = Math.Max(1, step.Progress.TotalEpochs);
        var s = Mix.Share(options.Schedule, step.Progress.Epoch, epochs, options.A, options.B);
        step.Publish("mix", s);
        long n = 0;
        step.Update(
            [student],
            () =>
            {
                var real = step.Next("train");
                var mixed = Mixed(step, s, real, step.Random.Derive("eps").Derive(n++));
                return options.RawRealHalf ? Raw(step, real, mixed) : Viewed(step, Mix.Both(real, mixed));
            }
        );
    }

    private Tensor Mixed(IStepContext step, double s, Batch real, RandomKey key)
    {
        // What G and A would make has no part in it.
        if (s >= 1)
            return real.Input;
        var (z, labels) = parts.Latents(step, real, key);
        return step.WithoutGraph(() =>
        {
            var anchor = options.Anchors ? AugKdLosses.Wide(parts.Anchor.Move(z, labels).Anchor) : z;
            return Mix.Images(s, real.Input, z, anchor, v => AugKdLosses.Wide(parts.Generator.Decode(v)));
        });
    }

    // Both halves through the views: normalised, augmented as the recipe says.
    private Tensor Viewed(IStepContext step, Batch both) =>
        Objective(step, step.View(options.Student, both), () => step.View(options.Teacher, both));

    private Tensor Raw(IStepContext step, Batch real, Tensor mixed)
    {
        Batch Half(string role) => Mix.Both(real, step.View(role, real.WithInput(mixed)).Input);
        return Objective(step, Half(options.Student), () => Half(options.Teacher));
    }

    private Tensor Objective(IStepContext step, Batch student, Func<Batch> teacher)
    {
        var answered = step.Forward(options.Student, student, null);
        // The published code asks the student a second time where the teacher is meant, with graph.
        var taught = options.SelfTarget
            ? step.Forward(options.Student, student, null)
            : step.Forward(options.Teacher, teacher(), null);
        var outputs = new Dictionary<string, ModelOutput> { [options.Student] = answered, [options.Teacher] = taught };
        return step.Objective(outputs, options.Student, options.Teacher, student);
    }
}
