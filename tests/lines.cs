// Counts lines of code: without comments, without blank lines. What a change saves is said with it:
//   dotnet run tests/lines.cs -- host core/Torch                    what is there
//   dotnet run tests/lines.cs -- --at main~9 host core/Torch        what was there
//   dotnet run tests/lines.cs -- --at main~9 --at main 'plugins/*/*'  both, and the difference in per cent
// Paths and globs are relative to the repository; none is all of it. Counted are .cs, .fs and .fsi.
#:property RestoreLockedMode=false
#:property RestorePackagesWithLockFile=false
#:property PublishAot=false

using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.Text.RegularExpressions;

var root = Git(".", "rev-parse", "--show-toplevel").Trim();
List<string> commits = [];
List<string> places = [];
for (var i = 0; i < args.Length; i++)
    if (args[i] == "--at" && i + 1 < args.Length)
        commits.Add(args[++i]);
    else
        places.Add(args[i].TrimEnd('/'));
if (commits.Count > 2 || args is [.., "--at"])
{
    Console.Error.WriteLine("--at names one commit, or --at twice the two that are compared.");
    return 2;
}
if (places.Count == 0)
    places.Add("*");
var counts = commits.Count == 0 ? [Count(Tree())] : commits.ConvertAll(c => Count(Commit(c)));
foreach (var place in places)
    Console.WriteLine(Row(place, counts.ConvertAll(c => Sum(c, Within(place)))));
if (places.Count > 1)
    Console.WriteLine(Row("all of these", counts.ConvertAll(c => Sum(c, f => places.Exists(p => Within(p)(f))))));
return 0;

string Row(string name, List<int> lines) =>
    string.Create(
        CultureInfo.InvariantCulture,
        $"{name, -40} {string.Join(' ', lines.Select(n => $"{n, 8}"))}{Change(lines)}"
    );

static string Change(List<int> lines) =>
    lines is [> 0 and var before, var after]
        ? string.Create(CultureInfo.InvariantCulture, $"  {100.0 * (after - before) / before:+0.0;-0.0} %")
        : "";

static int Sum(Dictionary<string, int> lines, Func<string, bool> counts) =>
    lines.Where(l => counts(l.Key)).Sum(l => l.Value);

// A folder, a file, or a pattern of either: a star stands for anything but a slash, two for anything.
static Func<string, bool> Within(string place)
{
    var pattern = Regex.Escape(place).Replace(@"\*\*", ".*").Replace(@"\*", "[^/]*").Replace(@"\?", "[^/]");
    var regex = new Regex($"^{pattern}(/|$)");
    return regex.IsMatch;
}

static Dictionary<string, int> Count(IEnumerable<(string Path, string Text)> files) =>
    files.ToDictionary(f => f.Path, f => Lines(f.Path, f.Text));

// Texts may look like comments, and stay.
static int Lines(string path, string text)
{
    const string Words = """
        \$*"{3,}.*?"{3,}|[$@]*@[$@]*"(?:[^"]|"")*"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)'
        """;
    var comments = path.EndsWith(".cs", StringComparison.Ordinal) ? @"/\*.*?\*/" : @"\(\*(?!\)).*?\*\)";
    var code = Regex.Replace(
        text,
        $@"(?<text>{Words})|{comments}|//[^\n]*",
        m => m.Groups["text"].Success ? m.Value : "",
        RegexOptions.Singleline
    );
    return code.Split('\n').Count(l => !string.IsNullOrWhiteSpace(l));
}

static bool IsCode(string path) => Path.GetExtension(path) is ".cs" or ".fs" or ".fsi";

IEnumerable<(string, string)> Tree() =>
    Git(root, "ls-files", "-co", "--exclude-standard")
        .Split('\n')
        .Distinct()
        .Where(f => IsCode(f) && File.Exists(Path.Combine(root, f)))
        .Select(f => (f, File.ReadAllText(Path.Combine(root, f))));

IEnumerable<(string, string)> Commit(string commit)
{
    using var git = Start(root, "archive", "--format=tar", commit);
    using var tar = new TarReader(git.StandardOutput.BaseStream);
    while (tar.GetNextEntry() is { } entry)
        if (entry.DataStream is { } data && IsCode(entry.Name))
            yield return (entry.Name, new StreamReader(data).ReadToEnd());
    End(git, commit);
}

static string Git(string folder, params string[] arguments)
{
    using var git = Start(folder, arguments);
    var said = git.StandardOutput.ReadToEnd();
    End(git, string.Join(' ', arguments));
    return said;
}

static Process Start(string folder, params string[] arguments) =>
    Process.Start(new ProcessStartInfo("git", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true })!;

static void End(Process git, string what)
{
    git.WaitForExit();
    if (git.ExitCode != 0)
        throw new InvalidOperationException($"git could not do it: {what}");
}
