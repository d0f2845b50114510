using System.Formats.Tar;
using System.Text;
using System.Text.Json;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>
/// Reads where images lie in tar archives, and their labels. Files of a sample have one name up to the first dot and follow one
/// another; nothing is unpacked.
/// </summary>
internal sealed class TarShard(string labelKey)
{
    private const string NotPacked = "Get the file again; a compressed one (.tar.gz) has to be decompressed first.";
    private const int Block = 512;
    private const int LongestTail = 1 << 20;
    private const int LargestLabel = 1 << 20;
    private const int MostImages = 50_000_000;
    private static readonly string[] LabelKeys = ["label", "cls", "class", "target"];

    private static readonly HashSet<string> Images = new(StringComparer.OrdinalIgnoreCase)
    {
        "jpg",
        "jpeg",
        "png",
        "webp",
        "bmp",
        "gif",
    };

    /// <summary>The samples of the shards of a split.</summary>
    /// <exception cref="KdException"><c>KDP0404</c>: no tar archive, or a sample without image or label.</exception>
    public LabelledImages Read(IReadOnlyList<string> shards)
    {
        var (ranges, labels) = (new List<ImageRange>(), new List<string>());
        foreach (var shard in shards)
            Read(shard, ranges, labels);
        return new(new RangeStore(ranges), labels);
    }

    private void Read(string shard, List<ImageRange> ranges, List<string> labels)
    {
        using var stream = DataFile.Open(shard);
        using var tar = new TarReader(stream);
        var (key, image, label) = ("", (ImageRange?)null, (string?)null);
        long end = 0;
        void Finish()
        {
            if (key.Length == 0 || (image is null && label is null))
                return;
            if (image is null || label is null)
                throw Damaged(
                    shard,
                    key,
                    image is null ? "has a label and no image" : "has an image and neither .cls nor .json"
                );
            if (ranges.Count == MostImages)
                throw new KdException(
                    DataErrors.TooLarge,
                    $"'{shard}' is one of shards with more than {MostImages} images."
                );
            ranges.Add(image.Value);
            labels.Add(label);
        }
        while (Next(tar, shard) is { } entry)
        {
            if (entry.Length > stream.Length - entry.DataOffset)
                throw Damaged(shard, entry.Name, $"has {entry.Length} bytes, more than the archive has left");
            end = entry.DataOffset + (entry.Length + Block - 1) / Block * Block;
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile))
                continue;
            var (name, ending) = Parts(entry.Name);
            if (name.Length == 0)
                continue;
            if (name != key)
            {
                Finish();
                (key, image, label) = (name, null, null);
            }
            if (Images.Contains(ending))
                image = image is null
                    ? new ImageRange(shard, entry.Name, entry.DataOffset, entry.Length)
                    : throw Damaged(shard, key, "has two images");
            else if (ending is "cls" or "cls.txt")
                label = Text(entry, shard).Trim();
            else if (ending == "json" && label is null)
                label = OfJson(Text(entry, shard), shard, key);
        }
        Finish();
        CheckTail(stream, end, shard);
    }

    // The reader takes a header without a checksum for the end: what follows the end is zeros.
    private static void CheckTail(FileStream stream, long end, string shard)
    {
        var tail = new byte[Math.Clamp(stream.Length - end, 0, LongestTail + 1)];
        stream.Position = Math.Min(end, stream.Length);
        stream.ReadExactly(tail);
        if (tail.Length > LongestTail || tail.AsSpan().ContainsAnyExcept((byte)0))
            throw new KdException(
                DataErrors.DamagedFile,
                $"'{shard}' is no intact tar archive: at byte {end} stands no header.",
                NotPacked
            );
    }

    private static TarEntry? Next(TarReader tar, string shard)
    {
        try
        {
            return tar.GetNextEntry();
        }
        // What the reader meets in a damaged header, it says in many ways.
        catch (Exception e)
            when (e
                    is InvalidDataException
                        or FormatException
                        or IOException
                        or ArgumentException
                        or OverflowException
                        or NotSupportedException
            )
        {
            throw new KdException(
                DataErrors.DamagedFile,
                $"'{shard}' is no intact tar archive: {SafeText.Line(e.Message)}",
                NotPacked,
                e
            );
        }
    }

    // WebDataset's rule: the key ends at the first dot of the last part. Hidden files, as macOS adds, are none.
    private static (string Name, string Ending) Parts(string path)
    {
        var start = path.LastIndexOf('/') + 1;
        var dot = path.IndexOf('.', start);
        return dot <= start ? ("", "") : (path[..dot], path[(dot + 1)..].ToLowerInvariant());
    }

    private static string Text(TarEntry entry, string shard)
    {
        if (entry.Length > LargestLabel || entry.DataStream is null)
            throw Damaged(shard, entry.Name, $"has {entry.Length} bytes; a label has 1 to {LargestLabel}");
        var bytes = new byte[entry.Length];
        return entry.DataStream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length
            ? Encoding.UTF8.GetString(bytes)
            : throw Damaged(shard, entry.Name, "is cut");
    }

    private string? OfJson(string text, string shard, string key)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                foreach (var name in labelKey.Length > 0 ? [labelKey] : LabelKeys)
                    if (document.RootElement.TryGetProperty(name, out var value))
                        return value.ValueKind switch
                        {
                            JsonValueKind.String => value.GetString(),
                            JsonValueKind.Number => value.GetRawText(),
                            _ => null,
                        };
            return null;
        }
        catch (JsonException e)
        {
            throw Damaged(shard, key, $"has a .json that is none: {e.Message}");
        }
    }

    private static KdException Damaged(string shard, string key, string what) =>
        new(
            DataErrors.DamagedFile,
            $"Sample '{SafeText.Line(key[..Math.Min(key.Length, 120)])}' of '{shard}' {SafeText.Line(what)}."
        );
}
