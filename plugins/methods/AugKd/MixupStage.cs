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
        step.Update([student], () => Loss(step, s, step.Next("train"), step.Random.Derive("eps").Derive(n++)));
    }

    private Tensor Loss(IStepContext step, double s, Batch real, RandomKey key)
    {
        var (student, teacher) = (options.Student, options.Teacher);
        var mixed = Mixed(step, s, real, key);
        var both = options.RawRealHalf ? null : Mix.Both(real, mixed);
        var seen = Seen(student);
        var answered = step.Forward(student, seen, null);
        // The published code asks the student a second time where the teacher is meant, with graph.
        var taught = options.SelfTarget
            ? step.Forward(student, seen, null)
            : step.Forward(teacher, Seen(teacher), null);
        var outputs = new Dictionary<string, ModelOutput> { [student] = answered, [teacher] = taught };
        return step.Objective(outputs, student, teacher, seen);

        // Both halves through the role's view, normalised and augmented as the recipe says, or the mixed one alone.
        Batch Seen(string role) =>
            options.RawRealHalf ? Mix.Both(real, step.View(role, real.WithInput(mixed)).Input) : step.View(role, both);
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
}
