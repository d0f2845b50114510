using System.Text.RegularExpressions;

namespace KdPlugins.Architecture.Tests;

/// <summary>Every entry of the catalogues of failures is met by some test.</summary>
public sealed partial class ErrorCatalogueTests
{
    // The exit codes' table names codes without anything failing.
    private static readonly string[] NoProof = ["ExitCodeTests.cs", "ErrorCatalogueTests.cs"];

    [Fact]
    public void Every_code_is_named_by_a_test_that_meets_it()
    {
        var tests = Sources("tests")
            .Where(f => !NoProof.Contains(Path.GetFileName(f)))
            .Select(File.ReadAllText)
            .ToList();
        var missing = Codes()
            .Where(c => !tests.Any(t => t.Contains(c.Id, StringComparison.Ordinal) || c.Named.IsMatch(t)))
            .Select(c => $"{c.Id} {c.Named}")
            .Order(StringComparer.Ordinal);
        Assert.Empty(missing);
    }

    [Fact]
    public void The_search_sees_every_code_that_the_product_has()
    {
        var all = Products().SelectMany(f => Any().Matches(File.ReadAllText(f)).Select(m => m.Groups[1].Value));
        Assert.Equal(all.Distinct().Order(), Codes().Select(c => c.Id).Distinct().Order());
        Assert.True(Codes().Count > 100);
    }

    private static IEnumerable<string> Products() => Sources("core").Concat(Sources("host")).Concat(Sources("plugins"));

    private static List<(string Id, Regex Named)> Codes() =>
        [
            .. Products()
                .SelectMany(f => Entry().Matches(File.ReadAllText(f)))
                .Select(m => (m.Groups["id"].Value, new Regex(@$"Errors\.{m.Groups["name"].Value}\b"))),
        ];

    private static IEnumerable<string> Sources(string folder) =>
        Directory
            .EnumerateFiles(Path.Combine(Repository.Root, folder), "*.*", SearchOption.AllDirectories)
            .Where(f => f.EndsWith(".cs", StringComparison.Ordinal) || f.EndsWith(".fs", StringComparison.Ordinal))
            .Where(f => !Built().IsMatch(f[Repository.Root.Length..]));

    // public static readonly ErrorCode Name = new("KDP0801", ...  |  static member val Name = entry "KDP0201" ...
    [GeneratedRegex(@"(?:ErrorCode (?<name>\w+) = new\(|member val (?<name>\w+) =\s*entry)\s*""(?<id>KDP\d{4})""")]
    private static partial Regex Entry();

    [GeneratedRegex("\"(KDP[0-9]{4})\"")]
    private static partial Regex Any();

    [GeneratedRegex(@"[/\\](bin|obj)[/\\]")]
    private static partial Regex Built();
}
