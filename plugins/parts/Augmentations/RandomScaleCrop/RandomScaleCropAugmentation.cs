using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// Scales every image by a factor of its own and cuts a piece out at a random place, with padding where the image is smaller: the
/// usual geometric view of semantic segmentation. Class maps are seen through the same window, by the nearest pixel.
/// </summary>
[KdAugmentation(
    "random-scale-crop",
    Description = "A random scale and a piece at a random place, padded where needed; class maps follow, their padding does not count"
)]
public sealed class RandomScaleCropAugmentation : Augmentation<RandomScaleCropOptions>
{
    /// <inheritdoc/>
    /// <remarks>Evaluations are of whole images: this one leaves them alone.</remarks>
    public override bool InEvaluation => false;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: boxes, which would not follow.</exception>
    public override void Bind(DataInfo data) => ImageBatch.RefusePlaces(data, Asker, TargetKind.ClassMap);

    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) =>
        inputRange.IsKnown
            ? new(Math.Min(inputRange.Least, Options.FillValue), Math.Max(inputRange.Most, Options.FillValue))
            : inputRange;

    /// <inheritdoc/>
    public override bool IsSampleWise => true;

    /// <inheritdoc/>
    public override IReadOnlyList<long> OutputShape(IReadOnlyList<long> inputShape) =>
        inputShape.Count == 3 && Options.Height > 0 ? [inputShape[0], Options.Height, Options.Width] : inputShape;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: no images.</exception>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, height, width) = Asker.RequireImages(batch);
        if (context.IsEvaluation)
            return batch;
        var (pieceHeight, pieceWidth) = Options.Height > 0 ? (Options.Height, Options.Width) : (height, width);
        var drawn = GivenDraws.Reals(
            context,
            $"{Asker.Id}.windows",
            [count, 3],
            [(Options.MinScale, Options.MaxScale), (0, 1), (0, 1)],
            () => [.. Draws.PerSample(context.Random, batch.Indices).SelectMany(Draw)]
        );
        Window[] rows = [.. drawn.Chunk(3).Select(d => Window.Of(height, pieceHeight, d[0], d[1]))];
        Window[] columns = [.. drawn.Chunk(3).Select(d => Window.Of(width, pieceWidth, d[0], d[2]))];
        var (y, x) = (Places(rows, pieceHeight), Places(columns, pieceWidth));
        return batch
            .WithInput(Seen(batch.Input, y, x))
            .WithTarget(Follow(batch.Target, y, x))
            .WithParameter($"{Asker.Id}.windows", tensor(drawn).view(count, 3));
    }

    // The scale, and how far down and to the right the piece lies of what room there is.
    private double[] Draw(RandomKey key) =>
        [
            Options.MinScale + (Options.MaxScale - Options.MinScale) * Draws.Unit(key.Derive("scale")),
            Draws.Unit(key.Derive("y")),
            Draws.Unit(key.Derive("x")),
        ];

    // Float64 [N, length]: where in the image each row (column) of the result lies, in pixels; NaN is beyond the image.
    private static Tensor Places(Window[] windows, long length)
    {
        var places = new double[windows.Length * length];
        for (var n = 0; n < windows.Length; n++)
        for (var i = 0; i < length; i++)
            places[n * length + i] = windows[n].PlaceOf(i);
        return tensor(places).view(windows.Length, length);
    }

    private Tensor Seen(Tensor images, Tensor y, Tensor x)
    {
        var device = images.device;
        var (low, high, upper) = Neighbours(y, images.shape[2]);
        var (left, right, share) = Neighbours(x, images.shape[3]);
        var (down, across) = (
            upper.to(images.dtype).to(device).view(y.shape[0], 1, -1, 1),
            share.to(images.dtype).to(device).view(x.shape[0], 1, 1, -1)
        );
        Tensor At(Tensor rows, Tensor columns) => ImageBatch.Gather(images, rows.to(device), columns.to(device), 0);
        var above = At(low, left).lerp(At(low, right), across);
        var below = At(high, left).lerp(At(high, right), across);
        return above.lerp(below, down).masked_fill(Outside(y, x, device).unsqueeze(1), Options.FillValue);
    }

    private static Target Follow(Target target, Tensor y, Tensor x)
    {
        if (target is not ClassMapTarget map)
            return target;
        var device = map.Labels.device;
        // The pixel under the place; what is beyond the image is beyond the map too.
        Tensor Nearest(Tensor places, long size) =>
            places.nan_to_num(0).add(0.5).floor().clamp(0, size - 1).to(ScalarType.Int64).to(device);
        var labels = ImageBatch.Gather(
            map.Labels,
            Nearest(y, map.Labels.shape[1]),
            Nearest(x, map.Labels.shape[2]),
            map.IgnoreIndex
        );
        return new ClassMapTarget(labels.masked_fill(Outside(y, x, device), map.IgnoreIndex), map.IgnoreIndex);
    }

    // bool [N, rows, columns]
    private static Tensor Outside(Tensor y, Tensor x, Device device) =>
        y.isnan().unsqueeze(2).logical_or(x.isnan().unsqueeze(1)).to(device);

    // The pixels on both sides of a place, and the second one's share; beyond the outermost centre the edge goes on.
    private static (Tensor Low, Tensor High, Tensor Share) Neighbours(Tensor places, long size)
    {
        var inside = places.nan_to_num(0).clamp(0, size - 1);
        var low = inside.floor();
        return (low.to(ScalarType.Int64), low.add(1).clamp_max(size - 1).to(ScalarType.Int64), inside.sub(low));
    }

    /// <summary>What a piece shows of one side of an image.</summary>
    /// <param name="Size">Pixels of the image.</param>
    /// <param name="Scale">Pixels of the scaled image for one of the image.</param>
    /// <param name="Start">Where the piece begins in the scaled image, in whole pixels; below 0 with padding before it.</param>
    /// <param name="Scaled">Pixels of the scaled image.</param>
    private readonly record struct Window(long Size, double Scale, long Start, long Scaled)
    {
        /// <summary>A piece of a length at a share of the room that there is; where the image is smaller, the room is padding.</summary>
        public static Window Of(long size, long length, double scale, double share)
        {
            var scaled = Math.Max(1, (long)Math.Round(size * scale));
            var room = scaled - length;
            // Down towards minus infinity, so that every place is as likely.
            var start = room >= 0 ? (long)(share * (room + 1)) : -(long)(share * (1 - room));
            return new(size, (double)scaled / size, room >= 0 ? Math.Min(start, room) : Math.Max(start, room), scaled);
        }

        /// <summary>The place in the image, in pixels from the first one's centre; NaN beyond its edges.</summary>
        public double PlaceOf(long i) =>
            Start + i is >= 0 and var at && at < Scaled ? (at + 0.5) / Scale - 0.5 : double.NaN;
    }
}
