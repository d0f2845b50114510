using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>
/// Module 1, without any data: in each step one update of the generator, then so many of student and encoder on fresh
/// images. The state with the least generator loss on ten fixed batches of latent vectors stays.
/// </summary>
internal sealed class DataFreeStage(IPlanContext context, AugKdOptions options, AugKdParts parts)
{
    private const int ScoredBatches = 10;

    public Stage Plan()
    {
        // The rate is constant within an epoch.
        double PerEpoch(Progress p) => AugKdParts.Cosine(p.Epoch, options.GeneratorEpochs);
        var student = context.Network(options.Student).Module;
        var generator = AugKdParts.Adam("generator", parts.Generator.Module!, options.GeneratorRate, PerEpoch);
        var warmUp = AugKdParts.Adam("warm-up", student, options.WarmUpRate, PerEpoch, decay: 1e-4);
        var encoder = AugKdParts.Adam("encoder", parts.Encoder, options.EncoderRate, _ => 1);

        void Step(IStepContext step)
        {
            step.Update([generator], () => GeneratorLoss(step));
            for (var i = 1; i <= options.InnerSteps; i++)
                Invert(step, i, warmUp, encoder);
        }

        return new("data-free", StageLength.Epochs(options.GeneratorEpochs), Step)
        {
            StepsPerEpoch = options.StepsPerEpoch,
            Trainables = [generator, warmUp, encoder],
            Trains = [options.Student],
            Evaluates = [options.Student],
            Score = Score,
            KeepBest = true,
        };
    }

    private Tensor Latents(RandomKey key, long i) => parts.Draw(key.Derive(i), context.Training.BatchSize);

    private Tensor GeneratorLoss(IStepContext step)
    {
        var terms = Terms(step, Latents(step.Random.Derive("z"), 0));
        step.Report("generator.divergence", terms.Divergence);
        step.Report("generator.cross-entropy", terms.CrossEntropy);
        step.Report("generator.diversity", terms.Diversity);
        step.Report("generator.norms", terms.Norms);
        return Reported(step, "generator.total", terms.Total(options.Diversity, options.Norms));
    }

    // Student and teacher see the same images; both in the modes that they are in.
    private GeneratorTerms Terms(IStepContext step, Tensor z)
    {
        var images = Batch.Generated(parts.Generator.Decode(z));
        var student = step.Forward(options.Student, step.View(options.Student, images), null).Logits;
        var seen = step.View(options.Teacher, images);
        if (options.Norms == 0)
            return AugKdLosses.Generator(step.Through(options.Teacher, seen, null).Logits, student, null, null);
        var (teacher, norms) = step.ThroughNorms(options.Teacher, seen, null, unbiased: true);
        var (mean, variance) = norms.Difference;
        return AugKdLosses.Generator(teacher.Logits, student, mean, variance);
    }

    private void Invert(IStepContext step, long i, Trainable warmUp, Trainable encoder)
    {
        var z = Latents(step.Random.Derive("z"), i);
        var fake = Batch.Generated(step.WithoutGraph(() => parts.Generator.Decode(z)));
        var taught = step.Forward(options.Teacher, step.View(options.Teacher, fake), null).Logits;
        var view = step.View(options.Student, fake);
        step.Update([warmUp], () => StudentLoss(step, view, taught));
        step.Update([encoder], () => EncoderLoss(step, fake.Input, taught.argmax(1), z, i));
    }

    // L_S = KL(p_T || p_S) / B at temperature 1.
    private Tensor StudentLoss(IStepContext step, Batch view, Tensor taught)
    {
        var answered = step.Forward(options.Student, view, null).Logits;
        return Reported(step, "warm-up.loss", AugKdLosses.Divergences(answered, taught, 1).mean());
    }

    private Tensor EncoderLoss(IStepContext step, Tensor images, Tensor labels, Tensor z, long i)
    {
        var (drawn, mu, logVariance) = parts.Encode(images, labels, step.Random.Derive("eps").Derive(i));
        return Reported(step, "encoder.loss", AugKdLosses.Inversion(drawn, z, mu, logVariance));
    }

    private static Tensor Reported(IStepContext step, string name, Tensor loss)
    {
        step.Report(name, loss);
        return loss;
    }

    // The same latent vectors every time.
    private double Score(IStepContext step)
    {
        var sum = 0.0;
        for (var i = 0; i < ScoredBatches; i++)
        {
            using var scope = NewDisposeScope();
            var terms = Terms(step, Latents(context.Random.Derive("score"), i));
            sum += terms.Total(options.Diversity, options.Norms).to(ScalarType.Float64).item<double>();
        }
        return -sum / ScoredBatches;
    }
}
