using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Datasets;

/// <summary>The pairs of a split: images as other data sets decode them, maps read as numbers and never interpolated.</summary>
internal sealed class SegmentationSource(
    ImageSplit split,
    IReadOnlyList<string> maps,
    ImageSource images,
    ImageDecoder decoder,
    LabelTable table,
    SegmentationFolderOptions options,
    int height,
    int width
) : IDataSource
{
    // Filled by whoever comes first; two readers of one map write the same values.
    private readonly short[]?[]? _kept =
        2L * height * width * split.Count <= options.CacheMegabytes * 1_000_000L ? new short[]?[split.Count] : null;

    public long Count => split.Count;

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        var batch = images.Read(indices);
        if (batch.Target is ClassIndexTarget unused)
            unused.Labels.Dispose();
        var area = height * width;
        var labels = new long[checked(indices.Length * area)];
        for (var i = 0; i < indices.Length; i++)
        {
            var map = Map(indices.Span[i]);
            for (var p = 0; p < area; p++)
                labels[i * area + p] = map[p];
        }
        return batch.WithTarget(
            new ClassMapTarget(tensor(labels, [indices.Length, height, width], ScalarType.Int64), table.Ignore)
        );
    }

    private short[] Map(long index)
    {
        if (_kept is null)
            return Decode(index);
        ref var slot = ref _kept[index];
        var map = Volatile.Read(ref slot);
        if (map is null)
            Volatile.Write(ref slot, map = Decode(index));
        return map;
    }

    private short[] Decode(long index)
    {
        var path = maps[split.PlaceOf(index)];
        var map = LabelPng.Read(path, options.MaxMegapixels);
        var (imageHeight, imageWidth) = decoder.HeaderSize(split, index);
        if ((imageHeight, imageWidth) != (map.Height, map.Width))
            throw new KdException(
                DataErrors.SizesDiffer,
                $"The label map '{path}' is {map.Width}x{map.Height} pixels, its image '{split.NameOf(index)}' "
                    + $"{imageWidth}x{imageHeight}.",
                "Make the map as large as its image."
            );
        var labels = new short[height * width];
        var part = Part(map);
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        {
            var row = part.Top + Nearest(y, part.Height, height);
            var column = part.Left + Nearest(x, part.Width, width);
            labels[y * width + x] = (short)table.LabelOf(map, row * map.Width + column, path);
        }
        return labels;
    }

    // The part of the image that is shown, as ImagePixels.Resize takes it.
    private (int Top, int Left, int Height, int Width) Part(LabelMap map)
    {
        if (options.Resize == "stretch" || (map.Height, map.Width) == (height, width))
            return (0, 0, map.Height, map.Width);
        var isWide = (long)map.Width * height >= (long)map.Height * width;
        var partWidth = isWide ? Math.Max(1, (int)((long)map.Height * width / height)) : map.Width;
        var partHeight = isWide ? map.Height : Math.Max(1, (int)((long)map.Width * height / width));
        return ((map.Height - partHeight) / 2, (map.Width - partWidth) / 2, partHeight, partWidth);
    }

    // The pixel under the centre of the result's.
    private static int Nearest(int place, int from, int to) => (int)((2L * place + 1) * from / (2L * to));
}
