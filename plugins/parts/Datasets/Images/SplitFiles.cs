using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Which files are those of which split.</summary>
internal static class SplitFiles
{
    // More shards than any published data set has.
    private const int Most = 100_000;

    private static readonly (string Split, string[] Beginnings)[] Named =
    [
        ("train", ["train"]),
        ("val", ["val", "valid", "validation", "dev"]),
        ("test", ["test"]),
    ];

    /// <summary>
    /// The files of each split, train among them. A file whose name, or else a folder of it, begins with val or test is one of that
    /// split, another one is train's; where no file is, all are.
    /// </summary>
    /// <param name="baseFolder">Where relative paths start.</param>
    /// <param name="path">Files, folders, or patterns such as <c>data/*.tar</c>.</param>
    /// <param name="val">Those of the split val, whatever their names.</param>
    /// <param name="test">Those of the split test.</param>
    /// <param name="extensions">What the names of files in folders end with.</param>
    /// <exception cref="KdException"><c>KDP0401</c>, <c>KDP0406</c>, <c>KDP0407</c>, <c>KDP0411</c>.</exception>
    public static Dictionary<string, string[]> Find(
        string baseFolder,
        IReadOnlyList<string> path,
        IReadOnlyList<string> val,
        IReadOnlyList<string> test,
        string[] extensions
    )
    {
        (string File, string Split)[] found = [.. path.SelectMany(p => List(baseFolder, p, extensions))];
        if (!found.Any(f => f.Split == "train"))
            found = [.. found.Select(f => (f.File, "train"))];
        var splits = found.GroupBy(f => f.Split).ToDictionary(s => s.Key, s => s.Select(f => f.File).ToArray());
        if (val.Count > 0)
            splits["val"] = [.. val.SelectMany(p => List(baseFolder, p, extensions)).Select(f => f.File)];
        if (test.Count > 0)
            splits["test"] = [.. test.SelectMany(p => List(baseFolder, p, extensions)).Select(f => f.File)];
        var twice = splits.Values.SelectMany(f => f).GroupBy(f => f).FirstOrDefault(f => f.Count() > 1);
        return twice is null
            ? splits
            : throw new KdException(DataErrors.NotFound, $"'{twice.Key}' is named twice.", "Name each file once.");
    }

    private static IEnumerable<(string File, string Split)> List(string baseFolder, string path, string[] extensions)
    {
        var full = Path.GetFullPath(path, Path.GetFullPath(baseFolder.Length == 0 ? "." : baseFolder));
        if (File.Exists(full))
            return [(full, SplitOf(Path.GetFileName(full)))];
        var name = Path.GetFileName(full);
        var isPattern = name.Contains('*') || name.Contains('?');
        var folder = isPattern ? Path.GetDirectoryName(full)! : full;
        if (!Directory.Exists(folder))
            throw new KdException(
                DataErrors.NotFound,
                isPattern ? $"There is no folder '{folder}'." : $"There is no file or folder '{full}'."
            );
        var files = isPattern ? DataFile.Files(folder, name, deep: false) : DataFile.Files(folder, "*", deep: true);
        string[] taken =
        [
            .. files.Where(f => isPattern || extensions.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase))),
        ];
        if (taken.Length is 0 or > Most)
            throw new KdException(
                taken.Length == 0 ? DataErrors.EmptyClass : DataErrors.TooLarge,
                $"'{full}' holds {taken.Length} files ({string.Join(", ", extensions)}); 1 to {Most} can be read."
            );
        return taken.Order(StringComparer.Ordinal).Select(f => (f, SplitOf(Path.GetRelativePath(folder, f))));
    }

    // By the file's own name, or else by a folder on the way.
    private static string SplitOf(string relative) =>
        relative
            .Split(Path.DirectorySeparatorChar)
            .Reverse()
            .Select(part => Named.FirstOrDefault(n => n.Beginnings.Any(b => Begins(part, b))).Split)
            .FirstOrDefault(split => split is not null)
        ?? "train";

    private static bool Begins(string name, string word) =>
        name.StartsWith(word, StringComparison.OrdinalIgnoreCase)
        && (name.Length == word.Length || !char.IsLetter(name[word.Length]));
}
