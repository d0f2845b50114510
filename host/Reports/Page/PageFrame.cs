using System.Text;
using System.Xml;
using System.Xml.Linq;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>A page that needs nothing but itself: no script, no font, no address outside.</summary>
internal static class PageFrame
{
    // Even if a text from a file were taken for markup, nothing could be loaded or run.
    private const string Policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

    private static readonly Lazy<string> Style = new(() =>
    {
        using var stream = typeof(PageFrame).Assembly.GetManifestResourceStream("report.css")!;
        return new StreamReader(stream).ReadToEnd();
    });

    /// <summary>The page's text; sections without content are left out.</summary>
    internal static string Make(
        string title,
        IReadOnlyList<XElement?> header,
        IEnumerable<(string Id, string Title, IReadOnlyList<XElement?> Content)> all
    )
    {
        var sections = all.Where(s => s.Content.Any(c => c is not null)).ToList();
        var page = E(
            "html",
            A("lang", "en"),
            E(
                "head",
                new XElement("meta", A("charset", "utf-8")),
                new XElement("meta", A("name", "viewport"), A("content", "width=device-width, initial-scale=1")),
                new XElement("meta", A("http-equiv", "Content-Security-Policy"), A("content", Policy)),
                E("title", title),
                E("style", Style.Value)
            ),
            E(
                "body",
                E("header", header, Contents(sections)),
                E("main", sections.Select(s => E("section", A("id", s.Id), E("h2", s.Title), s.Content)))
            )
        );
        return "<!DOCTYPE html>\n" + Write(page);
    }

    private static XElement Contents(IEnumerable<(string Id, string Title, IReadOnlyList<XElement?>)> sections) =>
        E(
            "nav",
            A("aria-label", "Sections"),
            E("ul", sections.Select(s => E("li", E("a", A("href", $"#{s.Id}"), s.Title))))
        );

    private static string Write(XElement page)
    {
        var text = new StringBuilder();
        var settings = new XmlWriterSettings
        {
            OmitXmlDeclaration = true,
            Indent = false,
            NewLineHandling = NewLineHandling.None,
        };
        using (var writer = XmlWriter.Create(text, settings))
            page.Save(writer);
        return text.ToString();
    }
}
