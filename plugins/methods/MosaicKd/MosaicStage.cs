using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd;

/// <summary>
/// One step: an update of the discriminator, one of the generator with the same images, and so many of the student on fresh
/// ones. Discriminator and student stay in training mode throughout, as published: their norms see whatever goes through them.
/// </summary>
internal sealed class MosaicStage(
    IPlanContext context,
    MosaicKdOptions options,
    ILatentGenerator generator,
    string source
)
{
    /// <summary>The role of the patch discriminator, which a run adds.</summary>
    public const string Critic = "discriminator";

    public Stage Plan()
    {
        var student = context.TrainableOf(options.Student);
        var maker = Adam("generator", generator.Module!, options.GeneratorRate);
        var critic = options.Local > 0 ? Adam(Critic, context.Network(Critic).Module, options.DiscriminatorRate) : null;
        return new("mosaic", StageLength.Epochs(context.Training.Epochs), step => Step(step, student, maker, critic))
        {
            Source = source,
            StepsPerEpoch = options.StepsPerEpoch,
            Trainables = critic is null ? [maker, student] : [critic, maker, student],
            Trains = critic is null ? [options.Student] : [options.Student, Critic],
            Evaluates = [options.Student],
        };
    }

    // The recipe's schedule, which is the student's too.
    private static Trainable Adam(string name, nn.Module module, double rate)
    {
        var adam = new OptimiserSettings { Name = "adam", Beta1 = 0.5 };
        adam.LearningRate = rate;
        return Trainable.Of(name, module, adam, null);
    }

    private void Step(IStepContext step, Trainable student, Trainable maker, Trainable? critic)
    {
        // With graph to the generator; the discriminator's update cuts it off.
        var made = Seen(step, generator.Decode(Draw(step, 0)));
        if (critic is not null)
            step.Update([critic], () => DiscriminatorLoss(step, made));
        step.Update([maker], () => GeneratorLoss(step, made));
        for (var i = 1; i <= options.InnerSteps; i++)
        {
            var z = Draw(step, i);
            var fresh = step.WithoutGraph(() => generator.Decode(z));
            step.Update([student], () => StudentLoss(step, Seen(step, fresh)));
        }
    }

    private Tensor Draw(IStepContext step, int n)
    {
        using var random = step.Random.Derive("z").Derive(n).NewGenerator(context.Device);
        return randn([context.Training.BatchSize, generator.Latent], device: context.Device, generator: random);
    }

    // Generated images as the networks see them: normalised as all others, and nothing random.
    private Batch Seen(IStepContext step, Tensor images) =>
        step.EvaluationView(options.Student, Batch.Generated(images));

    private static Tensor Patches(IStepContext step, Batch images) => step.Forward(Critic, images, null).Logits;

    private Tensor DiscriminatorLoss(IStepContext step, Batch made)
    {
        var fake = Patches(step, made.WithInput(made.Input.detach()));
        var real = Patches(step, step.EvaluationView(options.Student, Plain(step)));
        step.Report("discriminator.accuracy", cat([fake.lt(0), real.gt(0)]).to(ScalarType.Float32).mean());
        return MosaicKdLosses.Discriminator(fake, real, options.Patches) * options.Local;
    }

    // Real images as they are, in an order of the discriminator's own: augmentations would make patches that no image has.
    private Batch Plain(IStepContext step)
    {
        var all = context.SourceCount(source);
        var size = (int)Math.Min(context.Training.BatchSize, all);
        var first = step.Progress.Step * size;
        return step.Read(source, Enumerable.Range(0, size).Select(i => At(first + i)).ToArray());

        long At(long n) => new SeededPermutation(context.Random.Derive("plain").Derive(n / all).Value, all)[n % all];
    }

    // Through both networks into the images; no weight of theirs gets a gradient.
    private Tensor GeneratorLoss(IStepContext step, Batch made)
    {
        var loss = MosaicKdLosses.Generator(
            step.Through(options.Teacher, made, null).Logits,
            step.Forward(options.Student, made, null).Logits,
            options.Local > 0 ? Patches(step, made) : null,
            options.Adversarial,
            options.Align,
            options.Local,
            options.Balance,
            options.Patches
        );
        step.Report("generator.adversarial", loss.Adversarial);
        step.Report("generator.align", loss.Align);
        step.Report("generator.balance", loss.Balance);
        step.Report("generator.local", loss.Local);
        step.Report("generator.total", loss.Total);
        return loss.Total;
    }

    private Tensor StudentLoss(IStepContext step, Batch made)
    {
        var batch = options.OutOfDomainBatch ? Batch.Generated(cat([made.Input, Viewed(step).Input], 0)) : made;
        var (student, teacher) = (options.Student, options.Teacher);
        var taught = step.Forward(teacher, batch, null);
        var answered = step.Forward(student, batch, null);
        Dictionary<string, ModelOutput> outputs = new() { [student] = answered, [teacher] = taught };
        // Of these images no more is known than what the teacher says: that is the class for losses that ask for one.
        var labelled = batch.WithTarget(new ClassIndexTarget(taught.Logits.detach().argmax(1)));
        return step.Objective(outputs, student, teacher, labelled);
    }

    // Without their own classes, which are not the teacher's: augmentations that mix classes get one that there is.
    private Batch Viewed(IStepContext step)
    {
        var images = step.Next(source);
        var none = new ClassIndexTarget(zeros([images.Count], ScalarType.Int64, images.Input.device));
        return step.View(options.Student, images.WithTarget(none));
    }
}
