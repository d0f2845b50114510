using System.Security.Cryptography;

namespace KdPlugins.Datasets;

/// <summary>
/// Finds images that stand in two splits byte for byte. What it takes is bounded: only images with as many bytes as one of another
/// split are looked at, first their beginnings, and no more than a number of images and of bytes.
/// </summary>
internal static class DuplicateImages
{
    private const int NamesTold = 5;
    private const int Beginning = 4096;
    private const int MostBeginnings = 100_000;
    private const long MostBytes = 1L << 30;

    /// <summary>Adds a sentence for every two splits that share images.</summary>
    public static void Tell(IReadOnlyDictionary<string, ImageSplit> splits, List<string> doubts)
    {
        string[] names = [.. splits.Keys];
        if (names.Length < 2)
            return;
        var lengths = splits.ToDictionary(s => s.Key, s => Lengths(s.Value));
        for (var a = 0; a < names.Length; a++)
        for (var b = a + 1; b < names.Length; b++)
        {
            var found = Find((splits[names[a]], lengths[names[a]]), (splits[names[b]], lengths[names[b]]));
            if (found.Count == 0)
                continue;
            var told = found.Take(NamesTold).Select(pair => $"'{pair.Second}' is '{pair.First}'");
            var more = found.Count > NamesTold ? $" and {found.Count - NamesTold} more" : "";
            doubts.Add(
                $"{found.Count} images of split '{names[b]}' stand in '{names[a]}' too, so that results on it say too much: "
                    + $"{string.Join(", ", told)}{more}."
            );
        }
    }

    // Of each image of the second split that the first one has, its name and one there.
    private static List<(string First, string Second)> Find(
        (ImageSplit Images, SortedDictionary<long, List<long>> Lengths) one,
        (ImageSplit Images, SortedDictionary<long, List<long>> Lengths) other
    )
    {
        var (first, lengths) = one;
        var second = other.Images;
        var shared = other.Lengths.Where(l => lengths.ContainsKey(l.Key));
        var (beginnings, bytes) = (MostBeginnings, MostBytes);
        var found = new List<(string, string)>();
        foreach (var (length, there) in shared)
        {
            if (length == 0)
                continue;
            beginnings -= there.Count + lengths[length].Count;
            if (beginnings < 0)
                break;
            var here = lengths[length].ToLookup(i => Hash(first, i, Beginning));
            foreach (var index in there)
            {
                if (!here.Contains(Hash(second, index, Beginning)))
                    continue;
                bytes -= 2 * length;
                if (bytes < 0)
                    return found;
                var whole = Hash(second, index, length);
                foreach (var same in here[Hash(second, index, Beginning)])
                    if (Hash(first, same, length) == whole)
                    {
                        found.Add((first.NameOf(same), second.NameOf(index)));
                        break;
                    }
            }
        }
        return found;
    }

    private static SortedDictionary<long, List<long>> Lengths(ImageSplit split)
    {
        var lengths = new SortedDictionary<long, List<long>>();
        for (long i = 0; i < split.Count; i++)
        {
            var length = split.Store.LengthOf(split.PlaceOf(i));
            if (!lengths.TryGetValue(length, out var same))
                lengths[length] = same = [];
            same.Add(i);
        }
        return lengths;
    }

    private static string Hash(ImageSplit split, long index, long most)
    {
        var bytes = new byte[Math.Min(most, split.Store.LengthOf(split.PlaceOf(index)))];
        var read = split.Store.Peek(split.PlaceOf(index), bytes);
        return Convert.ToHexString(SHA256.HashData(bytes.AsSpan(0, read)));
    }
}
