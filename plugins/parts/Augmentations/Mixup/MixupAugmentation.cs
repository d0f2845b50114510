using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// share x_i + (1 - share) x_j for images and targets, with one share and one pairing per batch. Classes become soft
/// targets.
/// </summary>
[KdAugmentation(
    "mixup",
    Description = "Blends pairs of images and their targets",
    Paper = "Zhang, Cisse, Dauphin, Lopez-Paz: mixup: Beyond Empirical Risk Minimization, 2018"
)]
public sealed class MixupAugmentation : Augmentation<MixupOptions>
{
    private long _classes;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: targets of this kind cannot be blended.</exception>
    public override void Bind(DataInfo data)
    {
        Pairing.Require(data, Asker, TargetKind.ClassIndex, TargetKind.Soft);
        _classes = data.Classes;
    }

    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) => inputRange;

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, _, _) = Asker.RequireImages(batch);
        var share = GivenDraws.Reals(context, $"{Asker.Id}.share", [1], [(0, 1)], () => [Share(context.Random)])[0];
        var partners = Pairing.Partners(context, Asker, count);
        var onDevice = partners.to(batch.Input.device);
        return batch
            .WithInput(LabelMath.Blend(batch.Input, onDevice, share))
            .WithTarget(Mixing.Blend(batch.Target, onDevice, share, _classes, Asker, batch.Input.dtype))
            .WithParameter($"{Asker.Id}.share", tensor(new[] { share }))
            .WithParameter($"{Asker.Id}.partners", partners);
    }

    private double Share(RandomKey random) =>
        Draws.Unit(random.Derive("apply")) < Options.Probability
            ? Draws.Beta(random.Derive("share"), Options.Alpha)
            : 1;
}
