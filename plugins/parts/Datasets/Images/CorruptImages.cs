using System.Collections.Concurrent;
using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Leaves out images that cannot be decoded, where the options allow it.</summary>
internal static class CorruptImages
{
    private const int NamesTold = 10;

    /// <summary>The split without them.</summary>
    /// <exception cref="KdException"><c>KDP0408</c>: more than the stated share.</exception>
    public static ImageSplit Skip(
        string name,
        ImageSplit split,
        ImageDecoder decoder,
        ImageOptions options,
        List<string> doubts
    )
    {
        var bad = new ConcurrentDictionary<int, string>();
        Parallel.For(0, (int)split.Count, i => Try(split, i, decoder, options, bad));
        if (bad.IsEmpty)
            return split;
        var told = bad.OrderBy(b => b.Key).Take(NamesTold).Select(b => b.Value.TrimEnd('.'));
        var more = bad.Count > NamesTold ? $"; and {bad.Count - NamesTold} more" : "";
        var what =
            $"{bad.Count} of the {split.Count} images of split '{name}' cannot be decoded: {string.Join("; ", told)}{more}.";
        if (bad.Count > options.SkipCorrupt * split.Count)
            throw new KdException(
                DataErrors.ImageUnreadable,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{what} \"skipCorrupt\" allows a share of {options.SkipCorrupt}."
                ),
                "Replace or remove the images named above, or raise \"skipCorrupt\"."
            );
        doubts.Add($"{what} They are left out.");
        return split.Without(bad.Keys.ToHashSet());
    }

    private static void Try(
        ImageSplit split,
        int index,
        ImageDecoder decoder,
        ImageOptions options,
        ConcurrentDictionary<int, string> bad
    )
    {
        try
        {
            decoder.Try(split.Store, index);
        }
        catch (KdException e) when (e.Code == DataErrors.ImageUnreadable)
        {
            bad[index] = e.Detail;
        }
    }
}
