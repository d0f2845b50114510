using System.Xml.Linq;
using KdPlugins.Host.Reports.Images;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>Training images before and after augmentation, a row per kind.</summary>
internal static class SamplesSection
{
    internal static IEnumerable<XElement> Make(SampleImages? samples, IReadOnlyList<string> classNames)
    {
        if (samples is null)
        {
            yield return E("p", Class("quiet"), "There are no sample images in this run's folder.");
            yield break;
        }
        var columns = samples.Columns.Max(c => c.Images.Count);
        yield return E(
            "div",
            Class("scroll"),
            E(
                "table",
                Class("samples"),
                E("caption", "The same training images as they are, and as each network saw them in one step."),
                E("tbody", samples.Columns.Select(kind => Row(kind, columns, classNames)))
            )
        );
        if (samples.Columns.Any(c => c.IsStretched))
            yield return E(
                "p",
                Class("note"),
                "Views marked with a star cannot be turned back into colours: their values are stretched over the range from black to white."
            );
    }

    private static XElement Row(SampleImages.Column kind, int columns, IReadOnlyList<string> classNames)
    {
        var name = kind.Name.Length == 0 ? "as they are" : $"seen by {kind.Name}{(kind.IsStretched ? " *" : "")}";
        return E(
            "tr",
            E("th", A("scope", "row"), name),
            Enumerable.Range(0, columns).Select(i => i < kind.Images.Count ? Cell(kind, i, name, classNames) : E("td"))
        );
    }

    private static XElement Cell(SampleImages.Column kind, int index, string row, IReadOnlyList<string> classNames)
    {
        var image = kind.Images[index];
        var caption = index < kind.Targets.Count ? Caption(kind.Targets[index], classNames) : "";
        var alt = $"Training image {index + 1}, {row}{(caption.Length > 0 ? $": {caption}" : "")}";
        return E(
            "td",
            Picture(Png.DataUri(image), alt, image.Width, image.Height, "pixels"),
            caption.Length > 0 ? E("span", caption) : null
        );
    }

    /// <summary>A target for people: a class, or the classes with their shares.</summary>
    internal static string Caption(IReadOnlyList<(int Class, double Share)> target, IReadOnlyList<string> classNames) =>
        target is [var only] && only.Share >= 0.995
            ? Name(only.Class, classNames)
            : string.Join(", ", target.Select(t => $"{Name(t.Class, classNames)} {Text.Number(t.Share, "0.00")}"));

    /// <summary>A class's name, or its number where it has none.</summary>
    internal static string Name(int label, IReadOnlyList<string> classNames) =>
        label >= 0 && label < classNames.Count && classNames[label].Length > 0 ? classNames[label] : $"class {label}";
}
