using KdPlugins.Sdk;

namespace KdPlugins.Models;

/// <summary>Wide ResNets for small images.</summary>
[KdModel(
    "wrn",
    Description = "Wide ResNets of depth 6n+4 and any width, with the parameter names of RepDistiller and mdistiller",
    Paper = "Zagoruyko, Komodakis: Wide Residual Networks, 2016"
)]
public sealed class WideResNetPlugin : ImageModelPlugin<WideResNetOptions>
{
    private protected override string Member => $"(wrn_{Options.Depth}_{Options.Width}) ";

    private protected override long SmallestSide => 8;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen) =>
        WideResNet.Build(Options, image, frozen);
}
