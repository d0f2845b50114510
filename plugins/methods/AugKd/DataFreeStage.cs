using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>
/// Module 1, without any data: in each step one update of the generator, then so many of student and encoder on fresh
/// images. The state with the least generator loss on ten fixed batches of latent vectors stays.
/// </summary>
internal sealed class DataFreeStage(IPlanContext context, AugKdOptions options, AugKdParts parts)
{
    private const int ScoredBatches = 10;

    private readonly INetwork _student = context.Network(options.Student);
    private readonly Trainable _generator = Trainable.Of(
        "generator",
        parts.Generator.Module,
        AugKdParts.Adam(options.GeneratorRate),
        PerEpoch(options)
    );
    private readonly Trainable _encoder = Trainable.Of(
        "encoder",
        parts.Encoder,
        AugKdParts.Adam(options.EncoderRate),
        _ => 1
    );
    private readonly Trainable _warmUp = Trainable.Of(
        "warm-up",
        context.Network(options.Student).Module,
        AugKdParts.Adam(options.WarmUpRate, decay: 1e-4),
        PerEpoch(options)
    );

    public Stage Plan() =>
        new("data-free", StageLength.Epochs(options.GeneratorEpochs), Step)
        {
            StepsPerEpoch = options.StepsPerEpoch,
            Trainables = [_generator, _warmUp, _encoder],
            Trains = [options.Student],
            Evaluates = [options.Student],
            Score = Score,
            KeepBest = true,
        };

    // The rate is constant within an epoch.
    private static Func<Progress, double> PerEpoch(AugKdOptions options) =>
        p => AugKdParts.Cosine(p.Epoch, Math.Max(1, options.GeneratorEpochs));

    private void Step(IStepContext step)
    {
        AugKdParts.Train(parts.Generator.Module);
        AugKdParts.Train(parts.Encoder);
        AugKdParts.Fix(parts.Anchor);
        // The loss reaches the generator through the student; its own weights need no gradients here.
        AugKdParts.KeepGradients(_student.Module, false);
        step.Update([_generator], () => GeneratorLoss(step, Latents(step, 0)));
        AugKdParts.KeepGradients(_student.Module, true);
        for (var i = 1; i <= options.InnerSteps; i++)
            Invert(step, i);
    }

    private Tensor Latents(IStepContext step, long i) =>
        parts.Draw(step.Random.Derive("z").Derive(i), context.Training.BatchSize);

    // Student and teacher see the same images; both in the modes that they are in.
    private Tensor GeneratorLoss(IStepContext step, Tensor z)
    {
        var terms = Terms(step, parts.Generator.Decode(z));
        step.Report("generator.divergence", terms.Divergence);
        step.Report("generator.cross-entropy", terms.CrossEntropy);
        step.Report("generator.diversity", terms.Diversity);
        step.Report("generator.norms", terms.Norms);
        var total = terms.Total(options.Diversity, options.Norms);
        step.Report("generator.total", total);
        return total;
    }

    private GeneratorTerms Terms(IStepContext step, Tensor images)
    {
        var view = step.View(options.Student, AugKdParts.Generated(images));
        var student = AugKdLosses.Wide(_student.Forward(view.Input, mask: null!, taps: []).Logits);
        if (parts.Norms is null)
            return AugKdLosses.Generator(parts.Teach(step, images), student, null, null);
        var (teacher, statistics) = parts.Norms.Record(() => parts.Teach(step, images));
        var (mean, variance) = parts.Norms.Difference(statistics);
        return AugKdLosses.Generator(teacher, student, mean, variance);
    }

    private void Invert(IStepContext step, long i)
    {
        var z = Latents(step, i);
        Batch fake;
        using (no_grad())
        using (parts.Precision())
            fake = AugKdParts.Generated(AugKdLosses.Wide(parts.Generator.Decode(z)));
        var taught = step.Forward(options.Teacher, step.View(options.Teacher, fake), null).Logits;
        var view = step.View(options.Student, fake);
        step.Update([_warmUp], () => StudentLoss(step, view, taught));
        step.Update([_encoder], () => EncoderLoss(step, fake.Input, taught.argmax(1), z, i));
    }

    // L_S = KL(p_T || p_S) / B at temperature 1.
    private Tensor StudentLoss(IStepContext step, Batch view, Tensor taught)
    {
        var answered = step.Forward(options.Student, view, null).Logits;
        var loss = AugKdLosses.Divergences(answered, taught, 1).mean();
        step.Report("warm-up.loss", loss);
        return loss;
    }

    private Tensor EncoderLoss(IStepContext step, Tensor images, Tensor labels, Tensor z, long i)
    {
        var (drawn, mu, logVariance) = parts.Encode(images, labels, step.Random.Derive("eps").Derive(i));
        var loss = AugKdLosses.Inversion(drawn, z, mu, logVariance);
        step.Report("encoder.loss", loss);
        return loss;
    }

    // Everything in evaluation mode, the same latent vectors every time.
    private double Score(IStepContext step)
    {
        using var none = no_grad();
        parts.Generator.Module.eval();
        var wasTraining = _student.Module.training;
        _student.Module.eval();
        try
        {
            var sum = 0.0;
            for (var i = 0; i < ScoredBatches; i++)
            {
                using var scope = NewDisposeScope();
                var z = parts.Draw(context.Random.Derive("score").Derive(i), context.Training.BatchSize);
                var loss = Terms(step, parts.Generator.Decode(z)).Total(options.Diversity, options.Norms);
                sum += loss.to(ScalarType.Float64).item<double>();
            }
            return -sum / ScoredBatches;
        }
        finally
        {
            _student.Module.train(wasTraining);
        }
    }
}
