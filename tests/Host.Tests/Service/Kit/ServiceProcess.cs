using System.Diagnostics;
using System.Text.Json.Nodes;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Tests;

namespace KdPlugins.Host.Tests.Service;

/// <summary>A running service that tests kill, stop and look into. Skips where long tests are not asked for.</summary>
internal sealed class ServiceProcess : RunningService
{
    internal ServiceProcess(string data, string plugins, params string[] more)
        : this(data, plugins, new Dictionary<string, string>(), more) { }

    internal ServiceProcess(
        string data,
        string plugins,
        IReadOnlyDictionary<string, string> environment,
        params string[] more
    )
        : base(Asked(args => Kd.Start(environment, args)), data, plugins, more) { }

    /// <summary>One that may open so many files.</summary>
    internal ServiceProcess(string data, string plugins, int descriptors)
        : base(Asked(args => Kd.StartWithin(descriptors, args)), data, plugins) { }

    /// <summary>Submits a recipe by the command line, with settings such as training.epochs=3; gives the run's id.</summary>
    internal string Submit(string recipe, params string[] settings)
    {
        string[] set = [.. settings.SelectMany(s => (string[])["--set", s])];
        var result = Kd.Call(["submit", recipe, "--url", Url, .. set]);
        Assert.True(result.ExitCode == 0, result.Error);
        return result.Output.Trim();
    }

    /// <summary>The SHA-256 of a complete run's student, as its report gives it.</summary>
    internal static string Student(string data, string id)
    {
        var report = JsonNode.Parse(File.ReadAllText(Path.Combine(data, "runs", id, "run", "report.json")))!;
        return (string)report["student"]!["sha256"]!;
    }

    /// <summary>The number of checkpoints that a run has now.</summary>
    internal static int Checkpoints(string data, string id)
    {
        var folder = Path.Combine(data, "runs", id, "run", "checkpoints");
        return Directory.Exists(folder) ? Directory.GetDirectories(folder).Length : 0;
    }

    /// <summary>The process that works on a run.</summary>
    internal static Process? WorkerOf(string data, string id)
    {
        var folder = Path.Combine(data, "runs", id, "run");
        foreach (var process in Directory.EnumerateDirectories("/proc").Select(Path.GetFileName))
            if (int.TryParse(process, out var number))
                try
                {
                    if (File.ReadAllText($"/proc/{number}/cmdline").Split('\0').Contains(folder))
                        return Process.GetProcessById(number);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException) { }
        return null;
    }

    internal void Kill()
    {
        Process.Kill();
        Process.WaitForExit();
    }

    internal int Terminate()
    {
        Process.Start("kill", ["-TERM", Process.Id.ToString()]).WaitForExit();
        Assert.True(Process.WaitForExit(60_000), Said);
        return Process.ExitCode;
    }

    private static Func<string[], Process> Asked(Func<string[], Process> start)
    {
        Skip.If(
            Environment.GetEnvironmentVariable("KD_TESTS_FULL") != "1",
            "Services in processes of their own take minutes: set KD_TESTS_FULL=1."
        );
        return start;
    }
}
