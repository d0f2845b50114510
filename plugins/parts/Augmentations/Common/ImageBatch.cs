using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>What several augmentations do with batches of images.</summary>
internal static class ImageBatch
{
    /// <summary>Batch, channels, height and width of what is defined on grey or red, green and blue.</summary>
    /// <exception cref="KdException"><c>KDP0303</c>: no images of one or three channels.</exception>
    public static (long Count, long Channels, long Height, long Width) ColourSizes(Batch batch, Asker asker)
    {
        var sizes = asker.RequireImages(batch);
        RequireColours([.. batch.Input.shape[1..]], asker);
        return sizes;
    }

    /// <summary>The shape, where its images have one or three channels.</summary>
    /// <exception cref="KdException"><c>KDP0303</c>.</exception>
    public static IReadOnlyList<long> RequireColours(IReadOnlyList<long> shape, Asker asker) =>
        shape.Count == 3 && shape[0] is 1 or 3
            ? shape
            : throw asker.WrongShape(
                $"needs images of 1 or 3 channels [channels, height, width], got {TensorText.Shape([.. shape])}."
            );

    /// <summary>The range of what is defined on values in [0, 1] and gives such.</summary>
    /// <exception cref="KdException"><c>KDP0330</c>: the values are known to lie elsewhere.</exception>
    public static ValueRange RequireUnit(ValueRange inputRange, Asker asker)
    {
        inputRange.RequireUnit($"{asker}");
        return ValueRange.Unit;
    }

    /// <summary>Refuses data whose targets have places in the image, for what moves pixels and leaves targets.</summary>
    /// <exception cref="KdException"><c>KDP0306</c>.</exception>
    public static void RefusePlaces(DataInfo data, Asker asker, params TargetKind[] followed)
    {
        if (data.Target is TargetKind.Boxes or TargetKind.ClassMap && !followed.Contains(data.Target))
            throw asker.WrongCombination(
                $"moves pixels, and targets of the kind {data.Target} would not follow.",
                "Use 'random-crop', 'random-resized-crop' and 'horizontal-flip' with such data."
            );
    }

    /// <summary>
    /// Rearranges pixels: output pixel (y, x) of sample b is input pixel (rows[b, y], columns[b, x]), or the fill where
    /// that lies outside.
    /// </summary>
    /// <param name="images"><c>[B, C, H, W]</c> or <c>[B, H, W]</c>.</param>
    /// <param name="rows">int64 <c>[B, h]</c>, on the images' device.</param>
    /// <param name="columns">int64 <c>[B, w]</c>, on the images' device.</param>
    /// <param name="fill">The value from outside.</param>
    /// <returns>The same number of dimensions, with h and w.</returns>
    public static Tensor Gather(Tensor images, Tensor rows, Tensor columns, double fill)
    {
        var maps = images.dim() == 3;
        var four = maps ? images.unsqueeze(1) : images;
        var (height, width) = (four.shape[2], four.shape[3]);
        var inside = Inside(rows, height).unsqueeze(2).logical_and(Inside(columns, width).unsqueeze(1)).unsqueeze(1);
        var places = rows.clamp(0, height - 1).mul(width).unsqueeze(2).add(columns.clamp(0, width - 1).unsqueeze(1));
        var (count, channels) = (four.shape[0], four.shape[1]);
        var picked = four.flatten(2)
            .gather(2, places.flatten(1).unsqueeze(1).expand(count, channels, -1))
            .view(count, channels, rows.shape[1], columns.shape[1])
            .masked_fill(inside.logical_not(), fill);
        return maps ? picked.squeeze(1) : picked;
    }

    /// <summary>
    /// Cuts a piece out of every image with a constant around it. One copy of whole rows of pixels, where
    /// <see cref="Gather"/> copies value by value; the same values.
    /// </summary>
    /// <param name="images"><c>[B, C, H, W]</c>.</param>
    /// <param name="tops">The pieces' first rows, from -padding.</param>
    /// <param name="lefts">The pieces' first columns, from -padding.</param>
    /// <param name="height">Rows of a piece.</param>
    /// <param name="width">Columns of a piece.</param>
    /// <param name="padding">Pixels around an image; pieces end within them.</param>
    /// <param name="fill">The value there.</param>
    /// <returns><c>[B, C, height, width]</c> in channels_last.</returns>
    public static Tensor Cut(
        Tensor images,
        long[] tops,
        long[] lefts,
        long height,
        long width,
        long padding,
        double fill
    )
    {
        var (count, channels, device) = (images.shape[0], images.shape[1], images.device);
        // [B, H, W C], a view of channels_last images
        var lines = images.permute(0, 2, 3, 1).flatten(2);
        var around = padding * channels;
        var padded = nn.functional.pad(lines, [around, around, padding, padding], PaddingModes.Constant, fill);
        // [B, rows, columns where a piece can begin, width C], a view
        var strips = padded.unfold(2, width * channels, channels);
        var samples = arange(count, ScalarType.Int64, device).unsqueeze(1);
        var rows = tensor(tops, device: device)
            .unsqueeze(1)
            .add(arange(height, ScalarType.Int64, device))
            .add_(padding);
        var columns = tensor(lefts, device: device).unsqueeze(1).add_(padding);
        return strips.index(samples, rows, columns).view(count, height, width, channels).permute(0, 3, 1, 2);
    }

    /// <summary>
    /// Boxes after moving by (dx, dy), cut at the image's edges; boxes of which nothing is left are dropped with their
    /// labels.
    /// </summary>
    public static BoxTarget MoveAndClip(BoxTarget target, long[] dx, long[] dy, long height, long width)
    {
        var (boxes, labels) = (new Tensor[dx.Length], new Tensor[dx.Length]);
        for (var i = 0; i < dx.Length; i++)
        {
            using var scope = NewDisposeScope();
            var all = target.Boxes[i];
            var offset = tensor((double[])[dx[i], dy[i], dx[i], dy[i]], all.dtype, all.device);
            var limit = tensor((double[])[width, height, width, height], all.dtype, all.device);
            var moved = minimum(all.add(offset).clamp_min(0), limit);
            var kept = moved[.., 2].gt(moved[.., 0]).logical_and(moved[.., 3].gt(moved[.., 1])).nonzero().flatten();
            boxes[i] = moved.index_select(0, kept).MoveToOuterDisposeScope();
            labels[i] = target.Labels[i].index_select(0, kept).MoveToOuterDisposeScope();
        }
        return new BoxTarget(boxes, labels);
    }

    private static Tensor Inside(Tensor places, long size) => places.ge(0).logical_and(places.lt(size));
}
