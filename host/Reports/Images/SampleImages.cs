using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Reports.Images;

/// <summary>Some training images as they are and as the roles see them.</summary>
/// <param name="Columns">The raw images first, then a role's view each.</param>
internal sealed record SampleImages(IReadOnlyList<SampleImages.Column> Columns)
{
    internal const string FileName = "samples.safetensors";

    private const int MostSide = 128;

    /// <summary>Images of one kind.</summary>
    /// <param name="Name">The role; empty for the images as they are.</param>
    /// <param name="IsStretched">Whether the values were stretched over the range, so that colours differ.</param>
    /// <param name="Images">The pictures.</param>
    /// <param name="Targets">Per picture classes with their shares, the largest first; empty where there are none.</param>
    internal sealed record Column(
        string Name,
        bool IsStretched,
        IReadOnlyList<Raster> Images,
        IReadOnlyList<IReadOnlyList<(int Class, double Share)>> Targets
    );

    /// <summary>The samples of a run; null where there are none.</summary>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP05xx</c>: the file is damaged.</exception>
    internal static SampleImages? Read(string run)
    {
        var path = Path.Combine(run, FileName);
        if (!File.Exists(path))
            return null;
        using var file = SafeTensorsFile.Open(path);
        List<Column> columns = [];
        if (ReadColumn(file, "raw", "labels", "") is { } raw)
            columns.Add(raw);
        foreach (var name in file.Entries.Keys.Where(n => n.StartsWith("view/")).Order(StringComparer.Ordinal))
            if (ReadColumn(file, name, $"target/{name[5..]}", name[5..]) is { } view)
                columns.Add(view);
        return columns.Count == 0 ? null : new(columns);
    }

    private static Column? ReadColumn(SafeTensorsFile file, string images, string targets, string role)
    {
        if (ImageTensor.Find(file, images, out _) is not { } found)
            return null;
        var shrink = (Math.Max(found.Width, found.Height) + MostSide - 1) / MostSide;
        var pictures = Enumerable.Range(0, Math.Min(16, found.Count)).Select(i => found.Image(i).Shrunk(shrink));
        var stretched = file.Metadata.GetValueOrDefault($"range/{role}") == "stretched";
        return new(role, stretched, [.. pictures], Targets(file, targets));
    }

    private static IReadOnlyList<IReadOnlyList<(int, double)>> Targets(SafeTensorsFile file, string name)
    {
        var labels = ImageTensor.Labels(file, name);
        return labels.Count > 0
            ? [.. labels.Select(label => (IReadOnlyList<(int, double)>)[((int)label, 1.0)])]
            :
            [
                .. ImageTensor
                    .Soft(file, name)
                    .Select(row =>
                        (IReadOnlyList<(int, double)>)
                            [
                                .. row.Select((share, c) => (c, (double)share))
                                    .Where(s => s.Item2 >= 0.005)
                                    .OrderByDescending(s => s.Item2)
                                    .Take(2),
                            ]
                    ),
            ];
    }
}
