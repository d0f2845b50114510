using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// Pastes a rectangle of one image into another, one rectangle and one pairing per batch. Classes become soft targets
/// with the shares of the areas; class maps are pasted along.
/// </summary>
[KdAugmentation(
    "cutmix",
    Description = "Pastes rectangles of images into others, targets in proportion",
    Paper = "Yun, Han, Oh, Chun, Choe, Yoo: CutMix: Regularization Strategy to Train Strong Classifiers, 2019"
)]
public sealed class CutmixAugmentation : Augmentation<CutmixOptions>
{
    private long _classes;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: targets of this kind cannot be pasted.</exception>
    public override void Bind(DataInfo data)
    {
        Pairing.Require(data, Asker, TargetKind.ClassIndex, TargetKind.Soft, TargetKind.ClassMap);
        _classes = data.Classes;
    }

    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) => inputRange;

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, height, width) = Asker.RequireImages(batch);
        var corners = GivenDraws.Integers(
            context,
            $"{Asker.Id}.rectangle",
            [4],
            [(0, height), (0, width), (0, height), (0, width)],
            () => Rectangle(context.Random, height, width)
        );
        var (top, left, bottom, right) = (corners[0], corners[1], corners[2], corners[3]);
        if (bottom < top || right < left)
            throw GivenDraws.Unfit(
                $"{Asker.Id}.rectangle",
                "ends before it begins; expected top, left, bottom, right."
            );
        var partners = Pairing.Partners(context, Asker, count);
        // The area that is left after rounding and cutting at the edges, not the drawn share (section 3.1).
        var share = 1 - (double)((bottom - top) * (right - left)) / (height * width);
        // It follows from the rectangle; one that is given has to agree.
        _ = GivenDraws.Reals(context, $"{Asker.Id}.share", [1], [(share - 1e-6, share + 1e-6)], () => [share]);
        return Mixing
            .Paste(batch, (top, left, bottom, right), share, partners, _classes, Asker)
            .WithParameter($"{Asker.Id}.share", tensor(new[] { share }))
            .WithParameter($"{Asker.Id}.rectangle", tensor(corners))
            .WithParameter($"{Asker.Id}.partners", partners);
    }

    // Sides in proportion to the image's, area 1 - share; the centre lies anywhere (equation 2).
    private long[] Rectangle(RandomKey key, long height, long width)
    {
        if (Draws.Unit(key.Derive("apply")) >= Options.Probability)
            return [0, 0, 0, 0];
        var side = Math.Sqrt(1 - Draws.Beta(key.Derive("share"), Options.Alpha));
        var (top, bottom) = Side(key.Derive("y"), height, side);
        var (left, right) = Side(key.Derive("x"), width, side);
        return [top, left, bottom, right];
    }

    private static (long From, long To) Side(RandomKey key, long length, double share)
    {
        var (centre, size) = (Draws.Below(key, length), (long)(length * share));
        return (Math.Max(0, centre - size / 2), Math.Min(length, centre - size / 2 + size));
    }
}
