using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>The networks of a run, and what several stages do with them.</summary>
internal sealed class AugKdParts(IPlanContext context, AugKdOptions options, ILatentGenerator generator)
{
    /// <summary>G: latent vectors to images of the teacher's domain in [0, 1].</summary>
    public ILatentGenerator Generator => generator;

    /// <summary>E: images and classes to latent vectors.</summary>
    public LatentEncoder Encoder { get; } =
        Make(
            context,
            "encoder",
            d => new LatentEncoder(d.InputShape, d.Classes, generator.Latent, options.EncoderWidth)
        );

    /// <summary>A: latent vectors and classes to those of the anchors.</summary>
    public AnchorNet Anchor { get; } = Make(context, "anchor", d => new AnchorNet(generator.Latent, d.Classes));

    /// <summary>Draws of N(0, I), [count, d], that depend on the step and the purpose only.</summary>
    public Tensor Draw(RandomKey key, long count)
    {
        using var random = key.NewGenerator(context.Device);
        return randn([count, generator.Latent], device: context.Device, generator: random);
    }

    /// <summary>z = E(x, y): drawn, or the means where the options say so; with the distribution that it is drawn from.</summary>
    public (Tensor Z, Tensor Mu, Tensor LogVariance) Encode(Tensor x, Tensor y, RandomKey key)
    {
        var (mu, logVariance) = Encoder.Encode(x, y);
        (mu, logVariance) = (AugKdLosses.Wide(mu), AugKdLosses.Wide(logVariance));
        var z = options.SampleLatent ? LatentEncoder.Draw(mu, logVariance, Draw(key, x.shape[0])) : mu;
        return (z, mu, logVariance);
    }

    /// <summary>The latent vectors of labelled images, without graph, and the labels.</summary>
    public (Tensor Z, Tensor Labels) Latents(IStepContext step, Batch batch, RandomKey key)
    {
        var labels = TargetReader.As<ClassIndexTarget>(batch.Target, AugKdStrategy.Name).Labels;
        return (step.WithoutGraph(() => Encode(batch.Input, labels, key).Z), labels);
    }

    /// <summary>Parameters with Adam and a rate of their own.</summary>
    public static Trainable Adam(string name, nn.Module module, double rate, Func<Progress, double> schedule) =>
        Trainable.Of(name, module, new() { Name = "adam", LearningRate = rate }, schedule);

    /// <summary>The cosine of PyTorch's CosineAnnealingLR at a count of scheduler steps; it rises again beyond the period.</summary>
    public static double Cosine(long count, long period) => SynthesisMath.CosineDecay(count, Math.Max(1, period));

    private static T Make<T>(IPlanContext context, string name, Func<DataInfo, T> create)
        where T : nn.Module
    {
        using var _ = RandomScope.Use(context.Random.Derive(name).Value);
        var made = create(context.Data);
        made.to(context.Device);
        context.State.Register(name, made);
        return made;
    }
}
