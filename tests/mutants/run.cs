// Plants one fault at a time in a copy of the tree and says whether the tests see it. README.md beside this file says how.
#:property RestoreLockedMode=false
#:property RestorePackagesWithLockFile=false
#:property PublishAot=false

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

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

internal sealed record Settings(string Only, int Shard, int Shards, bool List, string Tree)
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
        return new Settings(Value("--only", ""), shard[0], shard[1], args.Contains("--list"), Value("--tree", tree));
    }
}

internal sealed class Mutants(Settings settings)
{
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

        foreach (var fault in mine)
        {
            var clock = Stopwatch.StartNew();
            var fate = Known(fault) ?? Remember(fault, FateOf(fault));
            fates.Add((fault, fate));
            Console.WriteLine(
                $"{fates.Count}/{mine.Count} {fate, -12} {clock.Elapsed.TotalSeconds, 5:F0} s  {fault.Text}"
            );
        }

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

    // The copy is of what is committed; it stays, with what was built in it and the fates by fault and commit.
    private void PrepareTree()
    {
        if (!Directory.Exists(settings.Tree))
            Git(root, $"worktree add --detach {settings.Tree}");

        Git(settings.Tree, $"checkout --force --detach {Git(root, "rev-parse HEAD").Trim()}");
    }

    private Fate FateOf(Fault fault)
    {
        if (!Green(fault))
            throw new InvalidOperationException(
                $"Without a fault, {fault.Tests} [{fault.Filter}] fails or has no test: see above."
            );

        var path = Path.Combine(settings.Tree, fault.File);
        var text = File.ReadAllText(path);
        File.WriteAllText(path, text.Replace(fault.Old, fault.New, StringComparison.Ordinal));

        try
        {
            if (!Dotnet($"build -c Release -v q tests/{fault.Tests}").Ok)
                return Fate.DoesNotBuild;

            return Test(fault).Ok ? Fate.Survived : Fate.Seen;
        }
        finally
        {
            File.WriteAllText(path, text);
        }
    }

    private bool Green(Fault fault)
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

    private (bool Ok, string Text) Test(Fault fault)
    {
        var filter = fault.Filter.Length == 0 ? "" : $" --filter FullyQualifiedName~{fault.Filter}";
        return Dotnet($"test -c Release --no-build tests/{fault.Tests}{filter} -- xUnit.StopOnFail=true");
    }

    private (bool Ok, string Text) Dotnet(string arguments) => Execute("dotnet", arguments, settings.Tree);

    private static string Git(string folder, string arguments)
    {
        var (ok, text) = Execute("git", arguments, folder);
        return ok ? text : throw new InvalidOperationException($"git {arguments}: {text}");
    }

    // A command that outlasts our patience has failed: a fault that hangs the tests is seen.
    private static (bool Ok, string Text) Execute(string file, string arguments, string folder)
    {
        using var process = Process.Start(
            new ProcessStartInfo(file, arguments)
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
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

    private string Note(Fault fault)
    {
        var head = Git(settings.Tree, "rev-parse HEAD").Trim();
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{head}\n{fault}"));
        var folder = Directory.CreateDirectory(settings.Tree + ".fates").FullName;
        return Path.Combine(folder, Convert.ToHexString(hash)[..32]);
    }

    private Fate? Known(Fault fault) =>
        File.Exists(Note(fault)) ? Enum.Parse<Fate>(File.ReadAllText(Note(fault))) : null;

    private Fate Remember(Fault fault, Fate fate)
    {
        File.WriteAllText(Note(fault), fate.ToString());
        return fate;
    }
}
