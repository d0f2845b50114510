using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Pads images and cuts a piece out at a random place. Class maps and boxes move along.</summary>
[KdAugmentation("random-crop", Description = "Pads and cuts out at a random place; class maps and boxes move along")]
public sealed class RandomCropAugmentation : Augmentation<RandomCropOptions>
{
    /// <inheritdoc/>
    public override bool InEvaluation => Options.Height > 0;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the piece is larger than the padded image.</exception>
    public override IReadOnlyList<long> OutputShape(IReadOnlyList<long> inputShape)
    {
        if (inputShape.Count != 3)
            return inputShape;
        var (height, width) = Piece(inputShape[1], inputShape[2]);
        return [inputShape[0], height, width];
    }

    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) => inputRange;

    /// <inheritdoc/>
    public override bool IsSampleWise => true;

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, height, width) = Asker.RequireImages(batch);
        var (pieceHeight, pieceWidth) = Piece(height, width);
        var (roomY, roomX) = (height + 2 * Options.Padding - pieceHeight, width + 2 * Options.Padding - pieceWidth);
        var around = Options.Padding;
        long[] Draw(RandomKey key) =>
            [Draws.Below(key.Derive("y"), roomY + 1) - around, Draws.Below(key.Derive("x"), roomX + 1) - around];
        var offsets = context.IsEvaluation
            ? [.. Enumerable.Repeat((long[])[roomY / 2 - around, roomX / 2 - around], (int)count).SelectMany(o => o)]
            : GivenDraws.Integers(
                context,
                $"{Asker.Id}.offsets",
                [count, 2],
                [(-around, roomY - around), (-around, roomX - around)],
                () => [.. Draws.PerSample(context.Random, batch.Indices).SelectMany(Draw)]
            );
        long[] tops = [.. offsets.Where((_, i) => i % 2 == 0)];
        long[] lefts = [.. offsets.Where((_, i) => i % 2 == 1)];
        var device = batch.Input.device;
        Tensor Rows() => Places(tops, pieceHeight, height, device);
        Tensor Columns() => Places(lefts, pieceWidth, width, device);
        var images =
            Options.Fill == "constant"
                ? ImageBatch.Cut(batch.Input, tops, lefts, pieceHeight, pieceWidth, Options.Padding, Options.FillValue)
                : ImageBatch.Gather(batch.Input, Rows(), Columns(), Options.FillValue);
        return batch
            .WithInput(images)
            .WithTarget(Follow(batch.Target, Rows, Columns, tops, lefts, pieceHeight, pieceWidth))
            .WithParameter($"{Asker.Id}.offsets", stack([tensor(tops), tensor(lefts)], 1));
    }

    private (long Height, long Width) Piece(long height, long width)
    {
        if (Options.Height == 0)
            return (height, width);
        if (Options.Height > height + 2 * Options.Padding || Options.Width > width + 2 * Options.Padding)
            throw Asker.WrongShape(
                $"cannot cut {Options.Height}x{Options.Width} out of {height}x{width} pixels with {Options.Padding} around them."
            );
        return (Options.Height, Options.Width);
    }

    // Source coordinates int64 [B, length]; beyond the edge they fold back unless a constant fills the gap.
    private Tensor Places(long[] starts, long length, long size, Device device)
    {
        var places = tensor(starts, device: device).unsqueeze(1).add(arange(length, ScalarType.Int64, device));
        if (Options.Fill == "edge" || (Options.Fill == "reflect" && size == 1))
            return places.clamp(0, size - 1);
        if (Options.Fill != "reflect")
            return places;
        // A triangle wave of period 2 (size - 1): 0 1 2 1 0 1 2 for size 3.
        var period = 2 * (size - 1);
        var phase = places.remainder(period);
        return minimum(phase, phase.neg().add(period));
    }

    private static Target Follow(
        Target target,
        Func<Tensor> rows,
        Func<Tensor> columns,
        long[] tops,
        long[] lefts,
        long height,
        long width
    ) =>
        target switch
        {
            ClassMapTarget map => new ClassMapTarget(
                ImageBatch.Gather(map.Labels, rows(), columns(), map.IgnoreIndex),
                map.IgnoreIndex
            ),
            BoxTarget boxes => ImageBatch.MoveAndClip(
                boxes,
                [.. lefts.Select(l => -l)],
                [.. tops.Select(t => -t)],
                height,
                width
            ),
            _ => target,
        };
}
