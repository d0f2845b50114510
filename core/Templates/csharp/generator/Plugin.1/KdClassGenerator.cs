using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace Plugin._1;

/// <summary>Images in [0, 1] from z ~ N(0, I) by two linear layers, as the generators of the first GANs had them.</summary>
[KdGenerator(
    "plugin-id-1",
    Version = "1.0.0",
    Description = "Images from latent vectors by two linear layers",
    Paper = "Goodfellow et al.: Generative Adversarial Nets, 2014"
)]
public sealed class KdClassGenerator : Generator<KdClassOptions>, ILatentGenerator
{
    private nn.Module<Tensor, Tensor>? _net;
    private long[] _shape = [];

    /// <inheritdoc/>
    public long Latent => Options.Latent;

    /// <inheritdoc/>
    public override nn.Module? Module => _net;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the data are not images.</exception>
    public override void Bind(GeneratorBinding binding)
    {
        if (binding.Data.Kind != InputKind.Image)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Generator 'plugin-id-1' makes images, and the data are of the kind {binding.Data.Kind}."
            );
        _shape = [.. binding.Data.InputShape]; // [channels, height, width]
        _net = nn.Sequential(
            ("hidden", nn.Linear(Options.Latent, Options.Width)),
            ("slope", nn.LeakyReLU(0.2)),
            ("pixels", nn.Linear(Options.Width, _shape.Aggregate(1L, (a, b) => a * b))),
            ("range", nn.Sigmoid())
        );
        _net.to(binding.Device);
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the vectors are not <c>[batch, Latent]</c>.</exception>
    public Tensor Decode(Tensor latent) =>
        latent.dim() == 2 && latent.shape[1] == Latent
            ? _net!.call(latent).view([latent.shape[0], .. _shape])
            : throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Generator 'plugin-id-1' takes latent vectors [batch, {Latent}], got {TensorText.Describe(latent)}."
            );

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: classes are asked for, and this generator knows none.</exception>
    public override Batch Sample(long count, Tensor? labels, IPartContext context)
    {
        if (labels is not null)
            throw new KdException(CoreErrors.WrongCombination, "Generator 'plugin-id-1' cannot be asked for classes.");
        using var random = context.Random.NewGenerator(context.Device);
        var z = randn([count, Latent], device: context.Device, generator: random);
        return new Batch(Decode(z), new NoTarget(count), full([count], -1L, ScalarType.Int64));
    }
}
