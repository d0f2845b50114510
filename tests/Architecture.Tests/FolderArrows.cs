using System.Text.RegularExpressions;

namespace KdPlugins.Architecture.Tests;

/// <summary>A file of one folder uses what another folder declares.</summary>
/// <param name="From">The folder that uses.</param>
/// <param name="To">The folder that declares.</param>
/// <param name="File">The file that uses.</param>
/// <param name="Name">The type, the extension method with a dot in front, or the namespace that a using names.</param>
internal sealed record Arrow(string From, string To, string File, string Name);

/// <summary>
/// The arrows between the folders of C# sources, told from namespaces, usings and the names of types. A name that several
/// folders declare counts where the namespaces in scope leave one of them.
/// </summary>
internal sealed partial class FolderArrows
{
    /// <summary>The folder of the files that lie in no folder.</summary>
    internal const string Own = ".";

    private static readonly HashSet<string> Keywords =
    [
        .. "abstract and as async await case class const default else enum event explicit extern file fixed global implicit".Split(),
        .. "in interface internal is namespace nameof new not operator or out override params partial private".Split(),
        .. "protected public readonly record ref required return sealed stackalloc static struct this throw typeof".Split(),
        .. "unsafe using virtual when where yield".Split(),
    ];

    private readonly List<Source> _sources;
    private readonly ILookup<string, Declaration> _types;
    private readonly ILookup<string, Declaration> _extensions;

    /// <param name="sources">Texts by path, with '/'.</param>
    internal FolderArrows(IEnumerable<KeyValuePair<string, string>> sources)
    {
        _sources = [.. sources.Select(s => new Source(s.Key, Code(s.Value)))];
        var everywhere = _sources.SelectMany(s => s.Global).ToList();
        foreach (var source in _sources)
            source.Scope.UnionWith(everywhere);
        _types = Lookup(TopType(), "name");
        _extensions = Lookup(Extension(), "name");
    }

    /// <summary>The arrows between the folders that lie directly in one.</summary>
    /// <param name="parent">The folder; empty for the root.</param>
    internal IReadOnlyList<Arrow> Below(string parent)
    {
        var within = _sources.Where(s => FolderOf(s.Path, parent) is not null).ToList();
        var namespaces = within.ToLookup(s => s.Namespace, s => FolderOf(s.Path, parent)!);
        return
        [
            .. within
                .SelectMany(s =>
                    References(s, parent)
                        .Concat(
                            s.Usings.Where(namespaces.Contains)
                                .Select(u => (Name: $"using {u}", Folders: namespaces[u].Distinct().ToList()))
                        )
                        .Where(r => r.Folders is [var only] && only != FolderOf(s.Path, parent))
                        .Select(r => new Arrow(FolderOf(s.Path, parent)!, r.Folders[0], s.Path, r.Name))
                )
                .Distinct(),
        ];
    }

    /// <summary>The folders that hold folders, the root among them.</summary>
    internal IEnumerable<string> Parents() =>
        _sources
            .SelectMany(s => Folders(s.Path))
            .Select(f => Path.GetDirectoryName(f)!)
            .Distinct()
            .Order(StringComparer.Ordinal);

    /// <summary>The folder directly in <paramref name="parent"/> that a file lies in; null where it lies elsewhere.</summary>
    internal static string? FolderOf(string file, string parent)
    {
        if (parent.Length > 0 && !file.StartsWith(parent + "/", StringComparison.Ordinal))
            return null;
        var rest = parent.Length > 0 ? file[(parent.Length + 1)..] : file;
        return rest.IndexOf('/') is >= 0 and var end ? rest[..end] : Own;
    }

    /// <summary>A shortest way along arrows back to where it began; empty where there is none.</summary>
    internal static IReadOnlyList<string> Circle(IReadOnlyList<Arrow> arrows)
    {
        var next = arrows.ToLookup(a => a.From, a => a.To);
        return next.Select(n => WayBack(n.Key, next))
                .Where(w => w.Count > 0)
                .OrderBy(w => w.Count)
                .ThenBy(w => w[0], StringComparer.Ordinal)
                .FirstOrDefault()
            ?? [];
    }

    /// <summary>A circle in words: each arrow of it with the files and names that make it.</summary>
    internal static string Describe(IReadOnlyList<string> circle, IReadOnlyList<Arrow> arrows) =>
        string.Join("\n", circle.Zip(circle.Skip(1), (from, to) => Describe(from, to, arrows)));

    /// <summary>An arrow in words.</summary>
    internal static string Describe(string from, string to, IReadOnlyList<Arrow> arrows) =>
        $"{from} -> {to}: "
        + string.Join(
            "; ",
            arrows
                .Where(a => a.From == from && a.To == to)
                .GroupBy(a => a.File, a => a.Name)
                .Select(f => $"{f.Key} ({string.Join(", ", f)})")
        );

    private static List<string> WayBack(string start, ILookup<string, string> next)
    {
        var cameFrom = new Dictionary<string, string>();
        var open = new Queue<string>([start]);
        while (open.TryDequeue(out var at))
            foreach (var to in next[at].Distinct().Where(t => cameFrom.TryAdd(t, at)))
                if (to != start)
                    open.Enqueue(to);
        if (!cameFrom.ContainsKey(start))
            return [];
        List<string> way = [start];
        do way.Insert(0, cameFrom[way[0]]);
        while (way[0] != start);
        return way;
    }

    private IEnumerable<(string Name, List<string> Folders)> References(Source source, string parent)
    {
        foreach (var (name, within) in source.Chains.SelectMany(Named).Distinct())
            yield return (name, Declaring(_types[name].Where(t => IsMeant(t, within))));
        foreach (var name in source.Calls.Where(_extensions.Contains))
            yield return ($".{name}", Declaring(_extensions[name].Where(e => source.Sees(e.Namespace))));

        // A name alone, or behind the last part of its namespace.
        bool IsMeant(Declaration type, string? within) =>
            within is null ? source.Sees(type.Namespace) : type.Namespace.Split('.')[^1] == within;

        IEnumerable<(string, string?)> Named(string[] chain) =>
            chain.Select((n, i) => (n, i == 0 ? null : chain[i - 1])).Where(n => !source.Members.Contains(n.n));

        List<string> Declaring(IEnumerable<Declaration> all) =>
            [.. all.Select(d => FolderOf(d.File, parent)).OfType<string>().Distinct()];
    }

    private ILookup<string, Declaration> Lookup(Regex names, string group) =>
        _sources
            .SelectMany(s =>
                names.Matches(s.Code).Select(m => new Declaration(m.Groups[group].Value, s.Namespace, s.Path))
            )
            .ToLookup(d => d.Name);

    private static IEnumerable<string> Folders(string file)
    {
        for (var folder = Path.GetDirectoryName(file)!; folder.Length > 0; folder = Path.GetDirectoryName(folder)!)
            yield return folder;
    }

    // Comments and texts name what they like; what an interpolated text computes is code.
    private static string Code(string text) =>
        Silent()
            .Replace(
                text,
                m =>
                    m.Value[0] == '$'
                        ? string.Join(' ', Hole().Matches(m.Value).Select(h => Code(h.Groups[1].Value)))
                        : " "
            );

    private sealed record Declaration(string Name, string Namespace, string File);

    private sealed class Source
    {
        internal Source(string path, string code)
        {
            (Path, Code) = (path, code);
            Namespace = NamespaceLine().Match(code).Groups[1].Value;
            Usings = [.. Using().Matches(code).Select(m => m.Groups["name"].Value)];
            Global = [.. Using().Matches(code).Where(m => m.Groups["all"].Success).Select(m => m.Groups["name"].Value)];
            Scope = [.. Usings];
            Chains = [.. Chain().Matches(code).Select(m => m.Value.Split('.'))];
            Calls = [.. Call().Matches(code).Select(m => m.Groups[1].Value)];
            Members =
            [
                .. Member()
                    .Matches(code)
                    .Where(m => !Keywords.Contains(m.Groups[1].Value))
                    .Select(m => m.Groups[2].Value),
            ];
        }

        internal string Path { get; }
        internal string Code { get; }
        internal string Namespace { get; }
        internal List<string> Usings { get; }
        internal List<string> Global { get; }
        internal HashSet<string> Scope { get; }
        internal List<string[]> Chains { get; }
        internal HashSet<string> Calls { get; }

        /// <summary>Names that stand behind another one: of members, parameters and variables.</summary>
        internal HashSet<string> Members { get; }

        internal bool Sees(string @namespace) =>
            Scope.Contains(@namespace)
            || Namespace == @namespace
            || Namespace.StartsWith(@namespace + ".", StringComparison.Ordinal)
            || @namespace.Length == 0;
    }

    private const string Text = """
        "(?:[^"\\\n]|\\.)*"
        """;

    private const string Computed = $$"""
        \{((?:[^{}"]|\$?{{Text}})*)\}
        """;

    [GeneratedRegex(
        $$"""
            //[^\n]*|/\*.*?\*/|\$*"{3,}.*?"{3,}|\$@?"(?:[^"\\{]|\\.|\{\{|{{Computed}})*"|@"(?:[^"]|"")*"|{{Text}}|'(?:[^'\\]|\\.)+'
            """,
        RegexOptions.Singleline
    )]
    private static partial Regex Silent();

    [GeneratedRegex(Computed)]
    private static partial Regex Hole();

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^(?<all>global )?using (?:static )?(?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(
        @"^(?:\[[^\n]*\]\s*)*(?:(?:public|internal|file|static|sealed|abstract|readonly|ref|unsafe|partial) )*(?:class|record struct|record|struct|interface|enum|delegate [^\n(]+?) (?<name>[A-Z]\w*)",
        RegexOptions.Multiline
    )]
    private static partial Regex TopType();

    [GeneratedRegex(@"static [\w<>\[\],?. ()]+? (?<name>\w+)(?:<[^>]*>)?\(\s*this ")]
    private static partial Regex Extension();

    [GeneratedRegex(@"(?<![\w.])[A-Z]\w*(?:\.[A-Z]\w*)*")]
    private static partial Regex Chain();

    [GeneratedRegex(@"\.(\w+)(?:<[^>()]*>)?\(")]
    private static partial Regex Call();

    [GeneratedRegex(@"(\w+)[>\]?]*\s+([A-Z]\w*)\s*(?=[,;)={(<]|$)", RegexOptions.Multiline)]
    private static partial Regex Member();
}
