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
    private readonly INetwork _teacher;

    public AugKdParts(IPlanContext context, AugKdOptions options)
    {
        (_context, _options) = (context, options);
        _teacher = context.Network(options.Teacher);
        Generator =
            context.Generator(options.Generator) as ILatentGenerator
            ?? throw new KdException(
                CoreErrors.WrongCombination,
                $"Strategy '{AugKdStrategy.Name}' learns latent vectors, and the generator '{options.Generator}' has none.",
                "Take a generator with a latent vector, such as 'upsample-generator'."
            );
        var data = context.Data;
        Encoder = Make(
            "encoder",
            () => new LatentEncoder(data.InputShape, data.Classes, Generator.Latent, options.EncoderWidth)
        );
        Anchor = Make("anchor", () => new AnchorNet(Generator.Latent, data.Classes));
        Norms = options.Norms > 0 ? TeacherNorms() : null;
    }

    /// <summary>G: latent vectors to images of the teacher's domain in [0, 1].</summary>
    public ILatentGenerator Generator { get; }

    /// <summary>E: images and classes to latent vectors.</summary>
    public LatentEncoder Encoder { get; }

    /// <summary>A: latent vectors and classes to those of the anchors.</summary>
    public AnchorNet Anchor { get; }

    /// <summary>What goes into the teacher's batch norms; null where no term asks for it.</summary>
    public BatchNormInputs? Norms { get; }

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

    /// <summary>Images as a batch without targets.</summary>
    public static Batch Generated(Tensor images) =>
        new(images, new NoTarget(images.shape[0]), full([images.shape[0]], -1L, ScalarType.Int64));

    /// <summary>
    /// The teacher's logits with graph to the images, which go through its view (normalised there): its weights are fixed,
    /// its input is not. The network itself, since the engine's own pass would cut the graph.
    /// </summary>
    public Tensor Teach(IStepContext step, Tensor images) =>
        AugKdLosses.Wide(
            _teacher.Forward(step.View(_options.Teacher, Generated(images)).Input, mask: null!, taps: []).Logits
        );

    /// <summary>The run's precision, for what a stage computes outside an update.</summary>
    public IDisposable? Precision() =>
        _context.Training.Precision == ScalarType.BFloat16 ? Autocast.BFloat16(_context.Device) : null;

    /// <summary>Puts a module into training. Said in every step: a resumed stage begins anywhere.</summary>
    public static void Train(nn.Module module)
    {
        module.train();
        KeepGradients(module, true);
    }

    /// <summary>Puts a module into evaluation and keeps gradients off its parameters; they still flow through.</summary>
    public static void Fix(nn.Module module)
    {
        module.eval();
        KeepGradients(module, false);
    }

    /// <summary>Whether a module's parameters are to have gradients.</summary>
    public static void KeepGradients(nn.Module module, bool keep)
    {
        foreach (var parameter in module.parameters())
            parameter.requires_grad = keep;
    }

    /// <summary>Adam with a rate and a weight decay.</summary>
    public static OptimiserSettings Adam(double rate, double decay = 0) =>
        new()
        {
            Name = "adam",
            LearningRate = rate,
            WeightDecay = decay,
        };

    /// <summary>The cosine of PyTorch's CosineAnnealingLR at a count of scheduler steps; it rises again beyond the period.</summary>
    public static double Cosine(long count, long period) => 0.5 * (1 + Math.Cos(Math.PI * count / period));

    private BatchNormInputs TeacherNorms()
    {
        var norms = new BatchNormInputs(_teacher.Module);
        return norms.Count > 0
            ? norms
            : throw new KdException(
                CoreErrors.WrongCombination,
                $"Strategy '{AugKdStrategy.Name}' compares statistics of the teacher's batch norms, and the teacher has none.",
                "Set \"norms\" to 0 in the strategy's options."
            );
    }

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
