using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Reports.Images;

/// <summary>
/// A data set that a run has made, as one picture: sheet.png beside its data.safetensors, up to 100 images in the order
/// of their classes.
/// </summary>
/// <param name="Folder">outputs/&lt;name&gt;.</param>
/// <param name="Card">What card.json says.</param>
/// <param name="Png">The picture; empty where it cannot be made.</param>
/// <param name="Shown">The number of images on it.</param>
/// <param name="Problem">Why it cannot be made; empty where it can.</param>
internal sealed record DataSetSheet(string Folder, JsonObject Card, byte[] Png, int Shown, string Problem)
{
    internal const string FileName = "sheet.png";

    private const int Most = 100;
    private const int Columns = 10;
    private const int LeastSide = 64;
    private const int MostSide = 160;
    private const int Gap = 8;

    private static readonly (byte, byte, byte, byte) Paper = (255, 255, 255, 255);
    private static readonly (byte, byte, byte, byte) Ink = (32, 32, 32, 255);

    /// <summary>The data sets of a run's folder, each with its picture; files are read, none is written.</summary>
    internal static IReadOnlyList<DataSetSheet> Of(string run)
    {
        var outputs = Path.Combine(run, "outputs");
        return Directory.Exists(outputs)
            ?
            [
                .. Directory
                    .EnumerateDirectories(outputs)
                    .Order(StringComparer.Ordinal)
                    .Select(Make)
                    .OfType<DataSetSheet>(),
            ]
            : [];
    }

    internal string Name => Path.GetFileName(Folder);

    /// <summary>Puts the picture beside the data.</summary>
    internal void Write()
    {
        if (Png.Length > 0)
            AtomicFile.Write(Path.Combine(Folder, FileName), stream => stream.Write(Png));
    }

    // Null for an output that is no data set.
    private static DataSetSheet? Make(string folder)
    {
        if (ReadCard(folder) is not { } card)
            return null;
        try
        {
            using var file = SafeTensorsFile.Open(Path.Combine(folder, "data.safetensors"));
            if (ImageTensor.Find(file, "images", out var problem) is not { } images)
                return new(folder, card, [], 0, problem);
            var names = ClassNames(card);
            var classes = Classes(file, images.Count, Number(card, "classes"));
            var shown = Choose(classes, images.Count);
            var captions = shown.Select(i => classes.Count == 0 ? "" : Caption(names, classes[i])).ToList();
            return new(folder, card, Images.Png.Encode(Sheet(images, shown, captions)), shown.Count, "");
        }
        catch (Exception e) when (e is KdException or IOException or UnauthorizedAccessException)
        {
            return new(folder, card, [], 0, e.Message);
        }
    }

    private static JsonObject? ReadCard(string folder)
    {
        var path = Path.Combine(folder, "card.json");
        try
        {
            return
                File.Exists(path)
                && Json.Read(path) is { } card
                && card["kind"] is JsonValue kind
                && kind.TryGetValue(out string? text)
                && text == "data-set"
                ? card
                : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static IReadOnlyList<string> ClassNames(JsonObject card) =>
        card["classNames"] is JsonArray names
            ? [.. names.Select(n => n is JsonValue v && v.TryGetValue(out string? text) ? text : "")]
            : [];

    private static long Number(JsonObject card, string name) =>
        card[name] is JsonValue value && value.TryGetValue(out long number) ? number : 0;

    // Of labels, or the likeliest where soft ones are probabilities of the data's classes (embeddings are not); empty where
    // there are neither, or not one per image.
    private static IReadOnlyList<long> Classes(SafeTensorsFile file, int count, long classes)
    {
        var labels = ImageTensor.Labels(file, "labels");
        if (labels.Count == count)
            return labels;
        var soft = ImageTensor.Soft(file, "soft");
        return soft.Count == count && soft.All(row => AreProbabilities(row, classes))
            ? [.. soft.Select(row => (long)Array.IndexOf(row, row.Max()))]
            : [];
    }

    private static bool AreProbabilities(float[] row, long classes) =>
        row.Length == classes && row.All(p => p >= 0) && Math.Abs(row.Sum() - 1) < 1e-3;

    // The first of every class, then the second of every class, until the sheet is full; shown class by class.
    private static IReadOnlyList<int> Choose(IReadOnlyList<long> classes, int count) =>
        classes.Count == 0
            ? [.. Enumerable.Range(0, Math.Min(Most, count))]
            :
            [
                .. classes
                    .Select((c, i) => (Class: c, Index: i))
                    .GroupBy(s => s.Class)
                    .SelectMany(g => g.Select((s, rank) => (s.Class, s.Index, Rank: rank)))
                    .OrderBy(s => s.Rank)
                    .ThenBy(s => s.Class)
                    .Take(Most)
                    .OrderBy(s => s.Class)
                    .ThenBy(s => s.Index)
                    .Select(s => s.Index),
            ];

    // A name in another script is better told by its number than by boxes.
    private static string Caption(IReadOnlyList<string> names, long label) =>
        label >= 0 && label < names.Count && PixelFont.Has(names[(int)label]) ? names[(int)label] : $"class {label}";

    private static Raster Sheet(ImageTensor images, IReadOnlyList<int> shown, IReadOnlyList<string> captions)
    {
        var longest = Math.Max(images.Width, images.Height);
        var shrink = (longest + MostSide - 1) / MostSide;
        var scale = Math.Max(1, LeastSide / longest);
        var (width, height) = (Math.Max(1, images.Width / shrink) * scale, Math.Max(1, images.Height / shrink) * scale);
        var caption = captions.Any(c => c.Length > 0) ? PixelFont.Height + 4 : 0;
        var columns = Math.Min(Columns, shown.Count);
        var rows = (shown.Count + columns - 1) / columns;
        var cell = (Width: width + Gap, Height: height + caption + Gap);
        var sheet = new Raster(columns * cell.Width + Gap, rows * cell.Height + Gap);
        sheet.Fill(Paper);
        for (var i = 0; i < shown.Count; i++)
        {
            var (left, top) = (Gap + i % columns * cell.Width, Gap + i / columns * cell.Height);
            sheet.Draw(images.Image(shown[i]).Shrunk(shrink), left, top, scale);
            PixelFont.Draw(sheet, PixelFont.Fit(captions[i], width), left, top + height + 3, Ink);
        }
        return sheet;
    }
}
