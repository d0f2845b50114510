using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Mirrors images left to right. Class maps and boxes are mirrored along.</summary>
[KdAugmentation("horizontal-flip", Description = "Mirrors left to right at random; class maps and boxes along")]
public sealed class HorizontalFlipAugmentation : Augmentation<HorizontalFlipOptions>
{
    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) => inputRange;

    /// <inheritdoc/>
    public override bool IsSampleWise => true;

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, _, width) = Asker.RequireImages(batch);
        var keys = Draws.PerSample(context.Random, batch.Indices);
        var flipped = GivenDraws.Flags(
            context,
            $"{Asker.Id}.flipped",
            [count],
            () => [.. keys.Select(k => Draws.Unit(k) < Options.Probability)]
        );
        var flags = tensor(flipped);
        var onDevice = flags.to(batch.Input.device);
        return batch
            .WithInput(Flipped(batch.Input, flipped))
            .WithTarget(Follow(batch.Target, flipped, onDevice, width))
            .WithParameter($"{Asker.Id}.flipped", flags);
    }

    // As [B, H, W, C]: mirroring every image and choosing between both reads and writes twice as much.
    private static Tensor Flipped(Tensor images, bool[] flipped) =>
        Rows.Change(images.permute(0, 2, 3, 1), flipped, (some, _) => some.flip(2)).permute(0, 3, 1, 2);

    private static Target Follow(Target target, bool[] flipped, Tensor flags, long width) =>
        target switch
        {
            ClassMapTarget map => new ClassMapTarget(
                where(flags.view(-1, 1, 1), map.Labels.flip(2), map.Labels),
                map.IgnoreIndex
            ),
            BoxTarget boxes => new BoxTarget(
                [.. boxes.Boxes.Select((b, i) => flipped[i] ? Mirror(b, width) : b)],
                boxes.Labels
            ),
            _ => target,
        };

    // The right edge becomes the left one.
    private static Tensor Mirror(Tensor boxes, long width) =>
        stack([boxes[.., 2].neg().add(width), boxes[.., 1], boxes[.., 0].neg().add(width), boxes[.., 3]], 1);
}
