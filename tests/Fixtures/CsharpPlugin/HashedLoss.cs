using System.ComponentModel.DataAnnotations;
using System.IO.Hashing;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;

namespace CsharpPlugin;

/// <summary>The options of <see cref="HashedLoss"/>.</summary>
public sealed record HashedOptions
{
    /// <summary>What is hashed.</summary>
    [Required]
    public string Text { get; init; } = "kd";
}

/// <summary>A loss whose value comes from a library that only this plugin has.</summary>
[KdLoss("hashed", Version = "1.2.0", Description = "A hash as a loss.", Paper = "none")]
public sealed class HashedLoss : DistillationLoss<HashedOptions>
{
    /// <summary>The hash of the options' text, as a scalar.</summary>
    public override torch.Tensor Compute(ILossContext context) =>
        torch.tensor((double)XxHash32.HashToUInt32(Encoding.UTF8.GetBytes(Options.Text)));
}

/// <summary>A second plugin of the same assembly.</summary>
[KdAugmentation("same")]
public sealed class Same : Augmentation<NoOptions>
{
    /// <summary>The batch as it is.</summary>
    public override Batch Apply(Batch batch, IPartContext context) => batch;
}
