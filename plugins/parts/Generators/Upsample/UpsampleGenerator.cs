using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Generators;

/// <summary>
/// The unconditional image generator of data-free distillation: a latent vector, two upsamplings, an image in [0, 1].
/// It has no training of its own; a strategy such as <c>aug-kd</c> trains it.
/// </summary>
[KdGenerator(
    "upsample-generator",
    Description = "Latent vector to image by a linear layer, two upsamplings and convolutions",
    Paper = "Tang et al.: AuG-KD, ICLR 2024 (networks); Chen et al.: DAFL, ICCV 2019"
)]
public sealed class UpsampleGenerator : Generator<UpsampleGeneratorOptions>, ILatentGenerator
{
    private UpsampleGeneratorNet? _net;

    /// <inheritdoc/>
    public long Latent => Options.Latent;

    /// <inheritdoc/>
    public override nn.Module? Module => _net;

    private UpsampleGeneratorNet Net => Asker.Bound(_net);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the data are not images whose height and width are multiples of 4.
    /// </exception>
    public override void Bind(GeneratorBinding binding)
    {
        var shape = binding.Data.InputShape;
        if (binding.Data.Kind != InputKind.Image || shape.Count != 3 || shape[1] % 4 != 0 || shape[2] % 4 != 0)
            throw Asker.WrongShape(
                $"makes images [channels, height, width] whose sides are multiples of 4; the data are {TensorText.Shape([.. shape])}."
            );
        _net = new UpsampleGeneratorNet(Options.Latent, Options.Width, shape[0], shape[1], shape[2]);
        _net.to(binding.Device);
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the vectors are not <c>[batch, Latent]</c>.</exception>
    public Tensor Decode(Tensor latent)
    {
        if (latent.dim() != 2 || latent.shape[1] != Options.Latent)
            throw Asker.WrongShape(
                $"takes latent vectors [batch, {Options.Latent}], got {TensorText.Describe(latent)}."
            );
        return Net.call(latent);
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: classes are asked for, and this generator knows none.</exception>
    public override Batch Sample(long count, Tensor? labels, IPartContext context)
    {
        if (labels is not null)
            throw Asker.WrongCombination("cannot be asked for classes.");
        var z = GivenDraws.Values(context, $"{Asker.Id}.latent", [count, Options.Latent], () => Draw(count, context));
        // Drawn in one dtype whatever the network's own is, so that both say the same.
        var images = Decode(z.to(Net.Dtype));
        return new Batch(images, new NoTarget(count), full([count], -1L, ScalarType.Int64)).WithParameter(
            $"{Asker.Id}.latent",
            z
        );
    }

    private Tensor Draw(long count, IPartContext context)
    {
        using var random = context.Random.Derive("latent").NewGenerator(context.Device);
        return randn([count, Options.Latent], device: context.Device, generator: random);
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: the width is no multiple of 4.</exception>
    protected override void OnConfigured()
    {
        if (Options.Width % 4 != 0)
            throw Asker.WrongCombination($"halves \"width\" twice; {Options.Width} is no multiple of 4.");
    }
}
