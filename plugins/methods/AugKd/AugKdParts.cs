using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>The networks of a run, and what several stages do with them.</summary>
internal sealed class AugKdParts
{
    private readonly IPlanContext _context;
    private readonly AugKdOptions _options;

    public AugKdParts(IPlanContext context, AugKdOptions options)
    {
        (_context, _options) = (context, options);
        Generator =
            context.Generator(options.Generator) as ILatentGenerator
            ?? throw new KdException(
                CoreErrors.WrongCombination,
                $"Strategy '{AugKdStrategy.Name}' learns latent vectors, and the generator '{options.Generator}' has none.",
                "Take a generator with a latent vector, such as 'upsample-generator'."
            );
        var (data, latent) = (context.Data, Generator.Latent);
        Encoder = Make("encoder", () => new LatentEncoder(data.InputShape, data.Classes, latent, options.EncoderWidth));
        Anchor = Make("anchor", () => new AnchorNet(latent, data.Classes));
    }

    /// <summary>G: latent vectors to images of the teacher's domain in [0, 1].</summary>
    public ILatentGenerator Generator { get; }

    /// <summary>E: images and classes to latent vectors.</summary>
    public LatentEncoder Encoder { get; }

    /// <summary>A: latent vectors and classes to those of the anchors.</summary>
    public AnchorNet Anchor { get; }

    /// <summary>Draws of N(0, I), [count, d], that depend on the step and the purpose only.</summary>
    public Tensor Draw(RandomKey key, long count)
    {
        using var random = key.NewGenerator(_context.Device);
        return randn([count, Generator.Latent], device: _context.Device, generator: random);
    }

    /// <summary>z = E(x, y): drawn, or the means where the options say so; with the distribution that it is drawn from.</summary>
    public (Tensor Z, Tensor Mu, Tensor LogVariance) Encode(Tensor x, Tensor y, RandomKey key)
    {
        var (mu, logVariance) = Encoder.Encode(x, y);
        (mu, logVariance) = (AugKdLosses.Wide(mu), AugKdLosses.Wide(logVariance));
        return _options.SampleLatent
            ? (LatentEncoder.Draw(mu, logVariance, Draw(key, x.shape[0])), mu, logVariance)
            : (mu, mu, logVariance);
    }

    /// <summary>The latent vectors of labelled images, without graph, and the labels.</summary>
    public (Tensor Z, Tensor Labels) Latents(IStepContext step, Batch batch, RandomKey key)
    {
        var labels = TargetReader.As<ClassIndexTarget>(batch.Target, AugKdStrategy.Name).Labels;
        return (step.WithoutGraph(() => Encode(batch.Input, labels, key).Z), labels);
    }

    /// <summary>Parameters with Adam and a rate of their own.</summary>
    public static Trainable Adam(
        string name,
        nn.Module module,
        double rate,
        Func<Progress, double> schedule,
        double decay = 0
    ) =>
        Trainable.Of(
            name,
            module,
            new()
            {
                Name = "adam",
                LearningRate = rate,
                WeightDecay = decay,
            },
            schedule
        );

    /// <summary>The cosine of PyTorch's CosineAnnealingLR at a count of scheduler steps; it rises again beyond the period.</summary>
    public static double Cosine(long count, long period) => 0.5 * (1 + Math.Cos(Math.PI * count / Math.Max(1, period)));

    private T Make<T>(string name, Func<T> create)
        where T : nn.Module
    {
        using var _ = RandomScope.Use(_context.Random.Derive(name).Value);
        var made = create();
        made.to(_context.Device);
        _context.State.Register(name, made);
        return made;
    }
}
