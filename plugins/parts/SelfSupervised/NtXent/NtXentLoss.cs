using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>SimCLR's objective: among all views of a batch, each finds the other one of its sample.</summary>
[KdLoss(
    "nt-xent",
    Description = "Contrast of two views against all others of the batch (SimCLR)",
    Paper = "Chen, Kornblith, Norouzi, Hinton: A Simple Framework for Contrastive Learning of Visual Representations, 2020"
)]
public sealed class NtXentLoss : TwoViewLoss<NtXentOptions>
{
    private protected override string Role => Options.Role;

    private protected override Projector NewProjector(long embedding) => new(embedding, Options.Projector, bias: true);

    private protected override Tensor Compare(Tensor first, Tensor second) =>
        NtXent.Loss(first, second, Options.Temperature);
}
