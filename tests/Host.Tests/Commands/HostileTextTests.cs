using System.Diagnostics;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Manifest;
using KdPlugins.Host.Reports.Page;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service.Api;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>
/// Every reader of text that others write, before the worst of it: too deep, too long, too wide, or no file at all. It ends
/// soon, with a code or with nothing read.
/// </summary>
public sealed class HostileTextTests : IDisposable
{
    private const int Much = 300_000;
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    // File name and the codes that its reader may answer with; none where what is damaged is passed over.
    private static readonly Dictionary<string, (string File, Action<string> Read, string Codes)> Readers = new()
    {
        ["origin"] = (RunOrigin.FileName, f => RunOrigin.Read(f), "KDP0803"),
        ["report"] = (ReportFile.Name, f => ReportFile.Read(f), "KDP0804"),
        ["status"] = ("status.json", f => RunFolder.ReadStatus(f), "KDP0607"),
        ["run"] = ("report.json", f => Assert.NotNull(RunMaterial.Read(f)), ""),
        ["curves"] = ("events.jsonl", f => Assert.Empty(RunCurves.Read(f, 100)), ""),
        ["job"] = ("job.json", f => Assert.Null(new JobFolder(f).Read()), ""),
        ["manifest"] = (PluginManifest.FileName, ReadManifest, "KDP0109"),
        ["lock"] = (HashLock.FileName, f => HashLock.Read(At(f, HashLock.FileName)), "KDP0111"),
        ["key"] = ("key.pem", f => PluginSignature.Read(At(f, "key.pem")), "KDP0124"),
        ["card"] = ("card.json", f => DistilledSet.Open(f, 1 << 20), "KDP04"),
    };

    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    public static TheoryData<string> All => [.. Readers.Keys];

    private static string At(string folder, string name) => Path.Combine(folder, name);

    private static void ReadManifest(string folder)
    {
        List<Finding> findings = [];
        PluginManifest.Read(folder, findings);
        throw new KdException(findings.Single(f => f.Severity == Severity.Error).Code, "");
    }

    private static IEnumerable<(string Name, Action<string> Put)> Hostile() =>
        [
            ("deep arrays", p => File.WriteAllText(p, new string('[', Much))),
            ("deep objects", p => File.WriteAllText(p, string.Concat(Enumerable.Repeat("{\"a\":", Much)))),
            ("long", p => File.WriteAllText(p, "{\"a\":\"" + new string('a', 100 * Much) + "\"}")),
            (
                "wide",
                p =>
                    File.WriteAllText(p, $"{{{string.Join(",", Enumerable.Range(0, Much).Select(i => $"\"{i}\":0"))}}}")
            ),
            ("twice", p => File.WriteAllText(p, "{\"kind\":1,\"kind\":2,\"format\":1,\"format\":1}")),
            ("half a character", p => File.WriteAllText(p, "{\"format\":\"\\ud800\",\"\\ud800\":\"\\ud800\"}")),
            ("empty", p => File.WriteAllText(p, "")),
            ("no object", p => File.WriteAllText(p, "[null]")),
            ("a pipe", p => Process.Start("mkfifo", [p]).WaitForExit()),
            ("no end", p => File.CreateSymbolicLink(p, "/dev/zero")),
        ];

    [Theory]
    [MemberData(nameof(All))]
    public async Task It_ends_soon_and_with_a_code(string reader)
    {
        var (file, read, codes) = Readers[reader];
        foreach (var (name, put) in Hostile())
        {
            // A report of another release may have any keys.
            if ((reader, name) is ("report", "half a character"))
                continue;
            var folder = _kd.At($"{reader} {name}");
            Directory.CreateDirectory(folder);
            put(At(folder, file));

            var task = Task.Run(() => Record.Exception(() => read(folder)));

            Assert.True(task == await Task.WhenAny(task, Task.Delay(Soon)), $"{name}: it waits, or takes too long.");
            var said = await task switch
            {
                null => "",
                KdException known => known.Code.Id,
                // Which the command line says as KDP0804.
                IOException => codes,
                var other => $"{other}",
            };
            Assert.True(codes.Split(' ').Any(c => said.StartsWith(c, StringComparison.Ordinal)), $"{name}: {said}");
            Assert.True(codes.Length > 0 || said.Length == 0, $"{name}: {said}");
        }
    }
}
