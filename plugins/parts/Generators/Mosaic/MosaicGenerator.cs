using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Generators;

/// <summary>
/// MosaicKD's generator: a latent vector to an image in [0, 1]. It has no training of its own; a strategy such as
/// <c>mosaic-kd</c> trains it.
/// </summary>
[KdGenerator(
    "mosaic-generator",
    Description = "Latent vector to image by upsamplings and convolutions, two or, for larger images, five",
    Paper = "Fang et al.: Mosaicking to Distill, NeurIPS 2021, arXiv 2110.15094"
)]
public sealed class MosaicGenerator : ImageGenerator<MosaicGeneratorOptions>
{
    /// <inheritdoc/>
    public override long Latent => Options.Latent;

    private protected override long Unit => Options.Form == MosaicForm.Small ? 4 : DeepGeneratorNet.Enlargement;

    private protected override nn.Module<Tensor, Tensor> Make(long channels, long height, long width) =>
        Options.Form == MosaicForm.Small
            ? new UpsampleGeneratorNet(Options.Latent, 4L * Options.Width, channels, height, width)
            : new DeepGeneratorNet(Options.Latent, Options.Width, channels, height, width);
}
