using KdPlugins.Sdk;

namespace KdPlugins.Models;

/// <summary>VGG networks with one linear layer, for small images.</summary>
[KdModel(
    "vgg",
    Description = "VGG-8/11/13/16/19 with one linear layer, with the parameter names of RepDistiller and mdistiller",
    Paper = "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015"
)]
public sealed class VggPlugin : ImageModelPlugin<VggOptions>
{
    private protected override string Member => $"(vgg{Options.Depth}) ";

    private protected override long SmallestSide => Options.Form == VggForm.Features ? 32 : 8;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen) =>
        Vgg.Build(Options, image, frozen);
}
