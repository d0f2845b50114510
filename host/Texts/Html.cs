using System.Globalization;
using System.Xml.Linq;

namespace KdPlugins.Host.Texts;

/// <summary>
/// Elements of a page. Texts from files are escaped by construction; characters that neither HTML nor XML can hold are
/// replaced.
/// </summary>
internal static class Html
{
    /// <summary>An element; strings become text, nulls nothing.</summary>
    internal static XElement E(string name, params object?[] content) =>
        // An element without content would be written in a form that HTML reads as an opening tag.
        new(name, "", content.Select(c => c is string text ? Clean(text) : c));

    internal static XAttribute A(string name, string value) => new(name, Clean(value));

    internal static XAttribute A(string name, double value) => new(name, N(value));

    internal static XAttribute Class(string value) => A("class", value);

    /// <summary>A coordinate.</summary>
    internal static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>A picture with its size, so that the page does not move while it is read.</summary>
    internal static XElement Picture(string uri, string alt, int width, int height, string style) =>
        new("img", A("src", uri), A("alt", alt), A("width", width), A("height", height), Class(style));

    /// <summary>A table with a caption, a header row, and the first cell of each row as its header.</summary>
    internal static XElement Table(
        string caption,
        IReadOnlyList<string> header,
        IEnumerable<IReadOnlyList<object>> rows,
        string style = "facts"
    ) =>
        E(
            "div",
            Class("scroll"),
            E(
                "table",
                Class(style),
                E("caption", caption),
                E("thead", E("tr", header.Select(h => E("th", A("scope", "col"), h)))),
                E(
                    "tbody",
                    rows.Select(row =>
                        E("tr", row.Select((cell, i) => i == 0 ? E("th", A("scope", "row"), cell) : E("td", cell)))
                    )
                )
            )
        );

    /// <summary>
    /// A table of names and values without a header row; values that are null or empty are left out, and the table
    /// where nothing is left.
    /// </summary>
    internal static XElement? Facts(string caption, params (string Name, object? Value)[] facts)
    {
        var rows = facts
            .Where(f => f.Value is not (null or ""))
            .Select(f => E("tr", E("th", A("scope", "row"), f.Name), E("td", f.Value)))
            .ToList();
        return rows.Count == 0
            ? null
            : E("div", Class("scroll"), E("table", Class("facts pairs"), E("caption", caption), E("tbody", rows)));
    }

    internal static XElement Details(string summary, params object?[] content) =>
        E("details", E("summary", summary), content);

    private static string Clean(string text) =>
        text.All(System.Xml.XmlConvert.IsXmlChar)
            ? text
            : string.Concat(text.EnumerateRunes().Select(r => IsAllowed(r.Value) ? r.ToString() : "\uFFFD"));

    private static bool IsAllowed(int rune) =>
        rune is '\t' or '\n' or '\r' or (>= 0x20 and <= 0xD7FF) or (>= 0xE000 and <= 0xFFFD) or >= 0x10000;
}
