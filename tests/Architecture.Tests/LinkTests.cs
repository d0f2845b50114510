using System.Text.RegularExpressions;

namespace KdPlugins.Architecture.Tests;

/// <summary>What the documentation points at is there.</summary>
public sealed partial class LinkTests
{
    [Fact]
    public void Every_relative_link_leads_to_a_file_or_folder()
    {
        var all = Repository.Files("*.md").SelectMany(d => Links(d).Select(l => (Document: d, Link: l))).ToList();
        var broken = all.Where(l => !Leads(l.Document, l.Link)).Select(l => $"{l.Document}: {l.Link}");

        Assert.Empty(broken);
        Assert.True(all.Count > 10, $"Only {all.Count} links were found.");
    }

    private static bool Leads(string document, string link) =>
        Path.Exists(Path.Combine(Repository.Root, Path.GetDirectoryName(document)!, link.Split('#')[0]));

    private static IEnumerable<string> Links(string document) =>
        Link()
            .Matches(Code().Replace(File.ReadAllText(Path.Combine(Repository.Root, document)), ""))
            .Select(m => m.Groups[1].Value)
            .Where(l => !l.StartsWith('#') && !Scheme().IsMatch(l));

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("```.*?```", RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex("^[a-z]+:")]
    private static partial Regex Scheme();
}
