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
public sealed class UpsampleGenerator : ImageGenerator<UpsampleGeneratorOptions>
{
    /// <inheritdoc/>
    public override long Latent => Options.Latent;

    private protected override long Unit => 4;

    private protected override nn.Module<Tensor, Tensor> Make(long channels, long height, long width) =>
        new UpsampleGeneratorNet(Options.Latent, Options.Width, channels, height, width);

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: the width is no multiple of 4.</exception>
    protected override void OnConfigured()
    {
        if (Options.Width % 4 != 0)
            throw Asker.WrongCombination($"halves \"width\" twice; {Options.Width} is no multiple of 4.");
    }
}
