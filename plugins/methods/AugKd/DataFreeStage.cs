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
        var warmUp = AugKdParts.Adam("warm-up", student, options.WarmUpRate, PerEpoch);
        warmUp.Optimiser.WeightDecay = 1e-4;
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
            // The same latent vectors every time.
            Score = step => -Enumerable.Range(0, ScoredBatches).Average(i => Scored(step, i)),
            KeepBest = true,
        };
    }

    private Tensor GeneratorLoss(IStepContext step)
    {
        var terms = Terms(step, step.Random.Derive("z").Derive(0));
        step.Report("generator.divergence", terms.Divergence);
        step.Report("generator.cross-entropy", terms.CrossEntropy);
        step.Report("generator.diversity", terms.Diversity);
        step.Report("generator.norms", terms.Norms);
        return Reported(step, "generator.total", terms.Total(options.Diversity, options.Norms));
    }

    private double Scored(IStepContext step, long i)
    {
        using var scope = NewDisposeScope();
        var terms = Terms(step, context.Random.Derive("score").Derive(i));
        return terms.Total(options.Diversity, options.Norms).to(ScalarType.Float64).item<double>();
    }

    // Student and teacher see the same images; both in the modes that they are in.
    private GeneratorTerms Terms(IStepContext step, RandomKey key)
    {
        var images = Batch.Generated(parts.Generator.Decode(parts.Draw(key, context.Training.BatchSize)));
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
        var z = parts.Draw(step.Random.Derive("z").Derive(i), context.Training.BatchSize);
        var fake = Batch.Generated(step.WithoutGraph(() => parts.Generator.Decode(z)));
        var taught = step.Forward(options.Teacher, step.View(options.Teacher, fake), null).Logits;
        var view = step.View(options.Student, fake);
        step.Update([warmUp], () => Reported(step, "warm-up.loss", StudentLoss()));
        step.Update([encoder], () => Reported(step, "encoder.loss", EncoderLoss()));

        // L_S = KL(p_T || p_S) / B at temperature 1.
        Tensor StudentLoss() =>
            AugKdLosses.Divergences(step.Forward(options.Student, view, null).Logits, taught, 1).mean();

        Tensor EncoderLoss()
        {
            var eps = step.Random.Derive("eps").Derive(i);
            var (drawn, mu, logVariance) = parts.Encode(fake.Input, taught.argmax(1), eps);
            return AugKdLosses.Inversion(drawn, z, mu, logVariance);
        }
    }

    private static Tensor Reported(IStepContext step, string name, Tensor loss)
    {
        step.Report(name, loss);
        return loss;
    }
}
