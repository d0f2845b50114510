using System.Text.Json;
using KdPlugins.Host.Reports.Images;
using KdPlugins.Host.Reports.Page;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Service.Api;

/// <summary>A picture.</summary>
/// <param name="Source">A PNG as a data address.</param>
/// <param name="Caption">Its class or classes; empty where it has none.</param>
internal sealed record SamplePicture(string Source, string Caption);

/// <summary>Training images of one kind.</summary>
/// <param name="Name">"as they are", or who sees them so.</param>
/// <param name="IsStretched">Whether values were stretched over the range, so that colours differ.</param>
/// <param name="Pictures">The images.</param>
internal sealed record SampleRow(string Name, bool IsStretched, IReadOnlyList<SamplePicture> Pictures)
{
    /// <summary>The sample images of a run, of its first seed where it has several; none where there are none yet.</summary>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP05xx</c>: the file is damaged.</exception>
    internal static IReadOnlyList<SampleRow> Of(JobFolder run)
    {
        foreach (var folder in CurveStore.Folders(run))
            if (SampleImages.Read(folder) is { } found)
            {
                var names = ClassNames(folder);
                return [.. found.Columns.Select(c => Row(c, names))];
            }
        return [];
    }

    private static SampleRow Row(SampleImages.Column column, IReadOnlyList<string> classNames) =>
        new(
            column.Name.Length == 0 ? "as they are" : $"seen by {column.Name}",
            column.IsStretched,
            [
                .. column.Images.Select(
                    (image, i) =>
                        new SamplePicture(
                            Png.DataUri(image),
                            i < column.Targets.Count ? SamplesSection.Caption(column.Targets[i], classNames) : ""
                        )
                ),
            ]
        );

    private static IReadOnlyList<string> ClassNames(string folder)
    {
        try
        {
            var provenance = Json.Read(Path.Combine(folder, "provenance.json"));
            return Json.Texts(Json.Object(provenance, "data"), "class_names");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }
}
