using KdPlugins.Sdk;

namespace KdPlugins.Models;

/// <summary>The plain convolutional network of data-set distillation.</summary>
[KdModel(
    "convnet",
    Description = "Blocks of 3x3 convolution, norm, ReLU and 2x2 pooling, as data-set distillation uses them",
    Paper = "Gidaris, Komodakis: Dynamic Few-Shot Visual Learning without Forgetting, 2018"
)]
public sealed class ConvNetPlugin : ImageModelPlugin<ConvNetOptions>
{
    private protected override string Member => $"({string.Join('-', Options.Widths)}) ";

    // Every block halves the map; the last one still gives a position.
    private protected override long SmallestSide => 1L << Options.Widths.Length;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen) =>
        ConvNet.Build(Options, image, frozen);
}
