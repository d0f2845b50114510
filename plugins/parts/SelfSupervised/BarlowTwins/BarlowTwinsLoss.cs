using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>Barlow Twins: two views of a sample agree, and the components of what is said of them tell different things.</summary>
[KdLoss(
    "barlow-twins",
    Description = "The cross-correlation of two views' projections towards the identity",
    Paper = "Zbontar, Jing, Misra, LeCun, Deny: Barlow Twins, 2021"
)]
public sealed class BarlowTwinsLoss : TwoViewLoss<BarlowTwinsOptions>
{
    private protected override string Role => Options.Role;

    private protected override Projector NewProjector(long embedding) => new(embedding, Options.Projector, bias: false);

    private protected override Tensor Compare(Tensor first, Tensor second) =>
        BarlowTwins.Loss(first, second, Options.Redundancy);
}
