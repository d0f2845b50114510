// Plants one fault at a time in a copy of the tree and says whether the tests see it. README.md beside this file says how.
#:property RestoreLockedMode=false
#:property RestorePackagesWithLockFile=false
#:property PublishAot=false

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

return new Mutants(Settings.Parse(args)).Run();

/// <summary>A fault: in a file, the text that stands there once, the text in its place, and the tests that must fail.</summary>
internal sealed record Fault(string File, string Old, string New, string Tests, string Filter, string? Survives)
{
    public string Text => $"{File}: {Short(Old)} -> {Short(New)}";

    private static string Short(string text)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= 60 ? $"`{line}`" : $"`{line[..57]}...`";
    }
}

internal enum Fate
{
    Seen,
    Survived,
    DoesNotBuild,
}

internal sealed record Settings(string Only, int Shard, int Shards, bool List, string Tree, int Jobs)
{
    public static Settings Parse(string[] args)
    {
        string Value(string name, string fallback)
        {
            var at = Array.IndexOf(args, name);
            return at < 0 ? fallback : args[at + 1];
        }

        var shard = Value("--shard", "1/1")
            .Split('/')
            .Select(n => int.Parse(n, CultureInfo.InvariantCulture))
            .ToArray();
        var tree = Path.Combine(Path.GetTempPath(), "kd-mutants");
        return new Settings(
            Value("--only", ""),
            shard[0],
            shard[1],
            args.Contains("--list"),
            Value("--tree", tree),
            int.Parse(Value("--jobs", "1"), CultureInfo.InvariantCulture)
        );
    }
}

internal sealed class Mutants(Settings settings)
{
    // What the compiler does not take behind a switch.
    private const string Alone = "Alone";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);
    private static readonly JsonSerializerOptions Json = new() { PropertyNameCaseInsensitive = true };

    private readonly string root = Git(Environment.CurrentDirectory, "rev-parse --show-toplevel").Trim();
    private readonly Dictionary<string, bool> green = [];

    public int Run()
    {
        var faults = Read();
        var wrong = faults.Where(f => Occurrences(f) != 1).ToList();
        foreach (var fault in wrong)
            Console.Error.WriteLine($"{fault.Text}: the old text stands there {Occurrences(fault)} times, not once.");

        if (wrong.Count > 0)
            return 1;

        if (settings.List)
        {
            foreach (var fault in faults)
                Console.WriteLine($"{fault.Tests} [{fault.Filter}] {fault.Text}");
            return 0;
        }

        PrepareTree();
        var mine = faults
            .Where((_, i) => i % settings.Shards == settings.Shard - 1)
            .OrderBy(f => f.Tests, StringComparer.Ordinal)
            .ThenBy(f => f.File, StringComparer.Ordinal)
            .ToList();
        var fates = new List<(Fault Fault, Fate Fate)>();

        void Tell(Fault fault, Func<Fate> find)
        {
            var clock = Stopwatch.StartNew();
            Fate? known;
            lock (fates)
                known = Known(fault);
            var fate = known ?? find();
            lock (fates)
            {
                if (known is null)
                    Write(fault, fate.ToString());
                fates.Add((fault, fate));
                Console.WriteLine(
                    $"{fates.Count}/{mine.Count} {fate, -12} {clock.Elapsed.TotalSeconds, 5:F0} s  {fault.Text}"
                );
            }
        }

        foreach (var fault in mine.Where(f => Known(f) is not null))
            Tell(fault, () => throw new UnreachableException());
        var left = mine.Where(f => Known(f) is null).ToList();
        var planted = new Planted(
            settings.Tree,
            left,
            [.. left.Where(f => Found(f).Any(l => l[1] == Alone))],
            KeepApart
        );
        try
        {
            var together = planted.Build(arguments => Dotnet(arguments));
            foreach (var project in together.GroupBy(p => p.Fault.Tests))
                if (ReachOf(project.Key, [.. project.Select(p => p.Fault.Filter).Distinct()]) is { } reach)
                    Parallel.ForEach(
                        project,
                        new ParallelOptions { MaxDegreeOfParallelism = settings.Jobs },
                        p => Tell(p.Fault, () => FateOf(p.Fault, p.Number, reach))
                    );
        }
        finally
        {
            planted.TakeBack();
        }

        green.Clear();
        foreach (var fault in left.Where(f => Known(f) is null))
            Tell(fault, () => FateOf(fault));
        return Conclude(fates);
    }

    private static int Conclude(List<(Fault Fault, Fate Fate)> fates)
    {
        var seen = fates.Count(f => f.Fate == Fate.Seen);
        var survivors = fates.Where(f => f.Fate == Fate.Survived).ToList();
        var broken = fates.Where(f => f.Fate == Fate.DoesNotBuild).ToList();
        Console.WriteLine($"{seen} of {fates.Count} seen ({100.0 * seen / Math.Max(1, fates.Count):F1} %).");

        foreach (var (fault, _) in survivors)
            Console.WriteLine($"survived: {fault.Text}\n    {fault.Survives ?? "not explained"}");
        foreach (var (fault, _) in broken)
            Console.WriteLine($"does not build: {fault.Text}");

        return broken.Count == 0 && survivors.All(s => s.Fault.Survives is not null) ? 0 : 1;
    }

    private List<Fault> Read() =>
        [
            .. Directory
                .GetFiles(Path.Combine(root, "tests", "mutants"), "*.json")
                .Order(StringComparer.Ordinal)
                .SelectMany(path => JsonSerializer.Deserialize<List<Fault>>(File.ReadAllText(path), Json)!)
                .Where(f => f.Text.Contains(settings.Only, StringComparison.Ordinal)),
        ];

    private int Occurrences(Fault fault)
    {
        var path = Path.Combine(root, fault.File);
        return File.Exists(path) ? File.ReadAllText(path).Split(fault.Old).Length - 1 : 0;
    }

    // The copy is of what is committed; it stays, with what was built in it.
    private void PrepareTree()
    {
        if (!Directory.Exists(settings.Tree))
            Git(root, $"worktree add --detach {settings.Tree}");

        Git(settings.Tree, $"checkout --force --detach {Git(root, "rev-parse HEAD").Trim()}");
    }

    private Fate FateOf(Fault fault)
    {
        if (!IsGreen(fault))
            throw new InvalidOperationException(
                $"Without a fault, {fault.Tests} [{fault.Filter}] fails or has no test: see above."
            );

        var path = Path.Combine(settings.Tree, fault.File);
        var text = File.ReadAllText(path);
        File.WriteAllText(path, text.Replace(fault.Old, fault.New, StringComparison.Ordinal));

        try
        {
            if (!Dotnet($"build -c Release --no-restore -v q tests/{fault.Tests}").Ok)
                return Fate.DoesNotBuild;

            return Test(fault).Ok ? Fate.Survived : Fate.Seen;
        }
        finally
        {
            File.WriteAllText(path, text);
        }
    }

    // The quickest tests that come by see most of them.
    private Fate FateOf(Fault fault, int number, Reach reach)
    {
        if (!reach.Comes(number))
            return Fate.Survived;
        var quick = reach.Quickest(number, fault.Filter);
        if (quick.Length > 0 && !Dotnet($"{TestsOf(fault.Tests, quick)} -- xUnit.StopOnFail=true", number).Ok)
            return Fate.Seen;
        return Test(fault, number).Ok ? Fate.Survived : Fate.Seen;
    }

    // Null where tests fail without a fault.
    private Reach? ReachOf(string project, IReadOnlyList<string> filters)
    {
        var folder = Directory.CreateTempSubdirectory("kd-reach-").FullName;
        var trace = Path.Combine(folder, "trace");
        File.WriteAllText(trace, "");
        var filter = filters.Contains("") ? "" : string.Join('|', filters.Select(f => $"FullyQualifiedName~{f}"));
        var logger = $"--logger \"trx;LogFileName={Path.Combine(folder, "results.trx")}\"";
        var (ok, text) = Dotnet($"{TestsOf(project, filter)} {logger}", 0, trace);
        if (!ok)
            Console.Error.WriteLine($"Without a fault, tests of {project} fail:\n{text}");
        var found = ok ? Reach.Read(trace, Path.Combine(folder, "results.trx")) : null;
        Directory.Delete(folder, recursive: true);
        return found;
    }

    // The assembly itself: the project would be evaluated again each time.
    private static string TestsOf(string project, string filter) =>
        $"test tests/{project}/bin/Release/net10.0/KdPlugins.{project}.dll --settings tests/tests.runsettings"
        + (filter.Length == 0 ? "" : $" --filter \"{filter}\"");

    private bool IsGreen(Fault fault)
    {
        var key = $"{fault.Tests} {fault.Filter}";
        if (green.TryGetValue(key, out var known))
            return known;

        var (built, buildText) = Dotnet($"build -c Release -v q tests/{fault.Tests}");
        var (passed, testText) = built ? Test(fault) : (false, "");
        var ok = passed && testText.Contains("Passed!", StringComparison.Ordinal);
        if (!ok)
            Console.Error.WriteLine(built ? testText : buildText);
        return green[key] = ok;
    }

    // number: of the fault that is switched on, where it was built with others.
    private (bool Ok, string Text) Test(Fault fault, int number = 0)
    {
        var tests = TestsOf(fault.Tests, fault.Filter.Length == 0 ? "" : $"FullyQualifiedName~{fault.Filter}");
        // The first failure ends it, which is most of them; but where that is a fixture's, the runner says that all passed.
        var first = Dotnet($"{tests} -- xUnit.StopOnFail=true", number);
        return first.Ok ? Dotnet(tests, number) : first;
    }

    private (bool Ok, string Text) Dotnet(string arguments, int number = 0, string trace = "") =>
        Execute("dotnet", arguments, settings.Tree, number, trace);

    private static string Git(string folder, string arguments)
    {
        var (ok, text) = Execute("git", arguments, folder);
        return ok ? text : throw new InvalidOperationException($"git {arguments}: {text}");
    }

    // A command that outlasts our patience has failed: a fault that hangs the tests is seen.
    private static (bool Ok, string Text) Execute(
        string file,
        string arguments,
        string folder,
        int number = 0,
        string trace = ""
    )
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[Planted.Variable] = number.ToString(CultureInfo.InvariantCulture);
        start.Environment[Planted.TraceVariable] = trace;
        using var process = Process.Start(start)!;
        var text = new StringBuilder();
        void Keep(object _, DataReceivedEventArgs line)
        {
            lock (text)
                text.AppendLine(line.Data);
        }

        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            return (false, text.ToString());
        }

        process.WaitForExit();
        return (process.ExitCode == 0, text.ToString());
    }

    // What was found holds as long as the file stays as it is.
    private string KeyOf(Fault fault)
    {
        var text = File.ReadAllText(Path.Combine(root, fault.File));
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{text}\n{fault.File}\n{fault.Old}\n{fault.New}"));
        return Convert.ToHexString(hash)[..24];
    }

    private IEnumerable<string[]> Found(Fault fault) =>
        File.Exists(Fates) ? File.ReadLines(Fates).Select(l => l.Split('\t')).Where(l => l[0] == KeyOf(fault)) : [];

    private Fate? Known(Fault fault) =>
        Found(fault).LastOrDefault(l => l[1] != Alone) is { } found ? Enum.Parse<Fate>(found[1]) : null;

    private void KeepApart(Fault fault) => Write(fault, Alone);

    private void Write(Fault fault, string what)
    {
        var line = string.Join(' ', fault.Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        File.AppendAllText(Fates, $"{KeyOf(fault)}\t{what}\t{line}\n");
    }

    private string Fates => Path.Combine(root, "tests", "mutants", "fates.tsv");
}

/// <summary>Which test classes come by a fault, and how long each takes.</summary>
internal sealed class Reach
{
    private const double Longest = 15;
    private readonly Dictionary<int, HashSet<string>> classes = [];
    private readonly Dictionary<string, double> seconds = [];

    public static Reach Read(string trace, string results)
    {
        var reach = new Reach();
        foreach (var line in File.ReadLines(trace).Select(l => l.Split('\t')).Where(l => l.Length == 2))
        {
            var number = int.Parse(line[0], CultureInfo.InvariantCulture);
            if (!reach.classes.TryGetValue(number, out var all))
                reach.classes[number] = all = [];
            all.Add(line[1]);
        }

        XNamespace ns = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
        var document = XDocument.Load(results);
        var owners = document
            .Descendants(ns + "UnitTest")
            .ToDictionary(
                t => (string)t.Attribute("id")!,
                t => (string)t.Element(ns + "TestMethod")!.Attribute("className")!
            );
        foreach (var result in document.Descendants(ns + "UnitTestResult"))
        {
            var owner = owners[(string)result.Attribute("testId")!];
            var time = (string?)result.Attribute("duration") is { } text
                ? TimeSpan.Parse(text, CultureInfo.InvariantCulture).TotalSeconds
                : 0;
            reach.seconds[owner] = reach.seconds.GetValueOrDefault(owner) + time;
        }

        return reach;
    }

    /// <summary>Whether any test comes by; processes that tests start count too.</summary>
    public bool Comes(int number) => classes.ContainsKey(number);

    /// <summary>A filter for some quick classes that come by; empty where there is none.</summary>
    public string Quickest(int number, string filter)
    {
        var left = Longest;
        var some = classes[number]
            .Where(c => seconds.ContainsKey(c) && $"{c}.".Contains(filter, StringComparison.Ordinal))
            .OrderBy(c => seconds[c])
            .TakeWhile(c => (left -= seconds[c]) > 0)
            .Take(6);
        return string.Join('|', some.Select(c => $"FullyQualifiedName~{c}."));
    }
}

/// <summary>
/// Faults that are built together, each behind a switch that an environment variable turns on: one build for all of them. It
/// takes those whose texts are expressions or statements in one line; the compiler says which are not.
/// </summary>
/// <param name="tree">Where they are planted.</param>
/// <param name="faults">All of them.</param>
/// <param name="apart">Those that are known to have to be built alone.</param>
/// <param name="keep">Keeps one that turns out so.</param>
internal sealed partial class Planted(
    string tree,
    IReadOnlyList<Fault> faults,
    HashSet<Fault> apart,
    Action<Fault> keep
)
{
    internal const string Variable = "KD_MUTANT";
    internal const string TraceVariable = "KD_MUTANT_TRACE";
    private const string Switch = "core/Torch/PlantedFault.cs";
    private const int MostBuilds = 12;

    private readonly Dictionary<string, string> originals = [];

    /// <summary>Builds what can be built together; gives each fault of it with its number.</summary>
    public IReadOnlyList<(Fault Fault, int Number)> Build(Func<string, (bool Ok, string Text)> dotnet)
    {
        File.WriteAllText(
            Path.Combine(tree, Switch),
            $$"""
            #pragma warning disable
            using System;
            using System.Collections.Concurrent;
            using System.Diagnostics;
            using System.IO;
            namespace KdPlugins.Torch;
            public static class PlantedFault
            {
                private static readonly string On = Environment.GetEnvironmentVariable("{{Variable}}") ?? "";
                private static readonly string Trace = Environment.GetEnvironmentVariable("{{TraceVariable}}") ?? "";
                private static readonly ConcurrentDictionary<string, int> Times = new();
                private static readonly ConcurrentDictionary<string, bool> Met = new();
                public static bool Is(string number)
                {
                    if (Trace.Length > 0)
                        Note(number);
                    return On == number;
                }
                private static void Note(string number)
                {
                    var n = Times.AddOrUpdate(number, 1, (_, times) => times + 1);
                    if (n > 100 && n % 997 != 0)
                        return;
                    var name = "";
                    foreach (var frame in new StackTrace(false).GetFrames())
                    {
                        var type = frame.GetMethod()?.DeclaringType;
                        while (type?.DeclaringType is { } outer)
                            type = outer;
                        if (type?.FullName is { } full && full.Contains("Tests.") && full.StartsWith("KdPlugins."))
                            name = full;
                    }
                    if (Met.TryAdd($"{number}\t{name}", true))
                        lock (Met)
                            using (var stream = new FileStream(Trace, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
                                stream.Write(System.Text.Encoding.UTF8.GetBytes($"{number}\t{name}\n"));
                }
            }
            """
        );
        for (var build = 1; build <= MostBuilds; build++)
        {
            var lines = Write();
            var (ok, text) = dotnet("build -c Release -v q -p:TreatWarningsAsErrors=false -p:WarningsAsErrors=");
            Console.WriteLine($"build {build}: {lines.Count} faults together, {(ok ? "built" : "some cannot be")}");
            if (ok)
                return [.. lines.Select(l => (l.Fault, l.Number))];
            if (!Drop(text, lines))
                break;
        }

        return [];
    }

    /// <summary>Leaves the tree as it was.</summary>
    public void TakeBack()
    {
        foreach (var (path, text) in originals)
            File.WriteAllText(path, text);
        File.Delete(Path.Combine(tree, Switch));
    }

    private List<(Fault Fault, int Number, string Path, int Line)> Write()
    {
        var written = new List<(Fault, int, string, int)>();
        foreach (var group in faults.GroupBy(f => Path.Combine(tree, f.File)))
        {
            if (!originals.TryGetValue(group.Key, out var text))
                originals[group.Key] = text = File.ReadAllText(group.Key);
            var places = group
                .Where(f => !apart.Contains(f))
                .Select(f => (Fault: f, Place: Place.Of(text, f)))
                .Where(p => p.Place is not null)
                .OrderByDescending(p => p.Place!.Start);
            var (changed, limit) = (text, text.Length);
            foreach (var (fault, place) in places)
            {
                // Two faults in the same words: the second one is tried alone.
                if (place!.End > limit)
                    continue;
                limit = place.Start;
                var number = faults.TakeWhile(f => f != fault).Count() + 1;
                changed = changed[..place.Start] + place.Switched(fault.File, number) + changed[place.End..];
                written.Add((fault, number, group.Key, text[..place.Start].Count(c => c == '\n') + 1));
            }

            File.WriteAllText(group.Key, changed);
        }

        return written;
    }

    // Those on lines that the compiler complains of; of a file where it is none of them, all.
    private bool Drop(string text, IReadOnlyList<(Fault Fault, int Number, string Path, int Line)> written)
    {
        var before = apart.Count;
        foreach (Match error in Error().Matches(text))
        {
            var (path, line) = (error.Groups[1].Value, int.Parse(error.Groups[2].Value, CultureInfo.InvariantCulture));
            var here = written.Where(w => w.Path == path).ToList();
            var hit = here.Where(w => w.Line == line).ToList();
            foreach (var fault in (hit.Count > 0 ? hit : here).Select(w => w.Fault))
                if (apart.Add(fault))
                    keep(fault);
        }

        return apart.Count > before;
    }

    [GeneratedRegex(@"^\s*(/[^\n(]+)\((\d+),\d+[^)]*\): error ", RegexOptions.Multiline)]
    private static partial Regex Error();
}

/// <summary>
/// What is put behind a switch: the statement that is at fault, or the whole expression around it, so that brackets around that change
/// nothing else.
/// </summary>
internal sealed partial record Place(int Start, int End, string Old, string New, bool IsStatement)
{
    /// <summary>Null where the fault is no part of one line, or lies within a text.</summary>
    public static Place? Of(string text, Fault fault)
    {
        var at = text.IndexOf(fault.Old, StringComparison.Ordinal);
        var start = at + (fault.Old.Length - fault.Old.TrimStart().Length);
        var (old, changed) = (fault.Old.Trim(), fault.New.Trim());
        if (at < 0 || old.Contains('\n') || changed.Contains('\n'))
            return null;
        var end = start + old.Length;
        var (first, last) = (text.LastIndexOf('\n', Math.Max(0, start - 1)) + 1, text.IndexOf('\n', end));
        if (last < 0 || IsInText(text[..start]) || IsInText(text[first..start]))
            return null;
        if (old.EndsWith(';') && changed.Length == 0)
            return new(start, end, old, changed, IsStatement: true);

        // Only what differs, in whole words, and from there to the ends of the expression.
        var (same, alike) = (Alike(old, changed), Alike(Reversed(old), Reversed(changed)));
        alike = Math.Min(alike, Math.Min(old.Length, changed.Length) - same);
        (start, end) = (start + same, end - alike);
        changed = changed[same..^alike];
        var (left, right) = (start, end);
        for (var depth = 0; left > first && !(depth == 0 && Opening().IsMatch(text[first..left])); left--)
            depth += Depth(text[left - 1], ")]}", "([{");
        for (var depth = 0; right < last && !(depth == 0 && Closing().IsMatch(text[right..last])); right++)
            depth += Depth(text[right], "([{", ")]}");
        while (left < start && text[left] == ' ')
            left++;
        while (right > end && text[right - 1] == ' ')
            right--;
        // An empty statement stays behind that takes the semicolon.
        var isStatement = text[first..left].Trim().Length == 0 && text[right] == ';';
        return new(left, right, text[left..right], text[left..start] + changed + text[end..right], isStatement);
    }

    /// <summary>The text that takes its place.</summary>
    public string Switched(string file, int number)
    {
        var isOn = $"KdPlugins.Torch.PlantedFault.Is(\"{number}\")";
        if (file.EndsWith(".fs", StringComparison.Ordinal))
            return $"(if {isOn} then ({New}) else ({Old}))";
        return IsStatement ? $"if ({isOn}) {{ {New}; }} else {{ {Old}; }}" : $"({isOn} ? ({New}) : ({Old}))";
    }

    private static bool IsInText(string before) => before.Split('"').Length % 2 == 0;

    private static string Reversed(string text) => new([.. text.Reverse()]);

    private static int Alike(string a, string b)
    {
        var n = a.Zip(b).TakeWhile(p => p.First == p.Second).Count();
        while (n > 0 && (char.IsLetterOrDigit(a[n - 1]) || "._".Contains(a[n - 1])))
            n--;
        return n;
    }

    private static int Depth(char letter, string more, string less) =>
        more.Contains(letter) ? 1
        : less.Contains(letter) ? -1
        : 0;

    [GeneratedRegex(
        @"^\s*$|[(\[{,;]\s*$|(^|\s)(=>|->|<-|=|\+=|\?|:|&&|\|\||\|>|return|then|else|elif|if|in|do|when|match|not|yield)\s+$"
    )]
    private static partial Regex Opening();

    [GeneratedRegex(@"^\s*([)\]},;]|$|//)|^\s+(=>|->|\?|:|&&|\|\||\|>|then|else|do|with)(\s|$)")]
    private static partial Regex Closing();
}
