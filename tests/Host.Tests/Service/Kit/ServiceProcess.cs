using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using KdPlugins.Host.Tests.Commands;

namespace KdPlugins.Host.Tests.Service;

/// <summary>A service in a process of its own, on a free port of loopback.</summary>
internal sealed class ServiceProcess : IDisposable
{
    private readonly Process _process;
    private readonly System.Text.StringBuilder _said = new();

    internal ServiceProcess(string data, string plugins, params string[] more)
        : this(data, plugins, new Dictionary<string, string>(), more) { }

    internal ServiceProcess(
        string data,
        string plugins,
        IReadOnlyDictionary<string, string> environment,
        params string[] more
    )
        : this(data, plugins, args => Kd.Start(environment, args), more) { }

    /// <summary>One that may open so many files.</summary>
    internal ServiceProcess(string data, string plugins, int descriptors)
        : this(data, plugins, args => Kd.StartWithin(descriptors, args), []) { }

    private ServiceProcess(string data, string plugins, Func<string[], Process> start, string[] more)
    {
        Skip.If(
            Environment.GetEnvironmentVariable("KD_TESTS_FULL") != "1",
            "Services in processes of their own take minutes: set KD_TESTS_FULL=1."
        );
        Url = $"http://127.0.0.1:{FreePort()}";
        Http = new() { BaseAddress = new(Url) };
        _process = start(["serve", "--urls", Url, "--data", data, "--plugins", plugins, .. more]);
        foreach (var stream in (StreamReader[])[_process.StandardOutput, _process.StandardError])
            _ = Task.Run(async () =>
            {
                while (await stream.ReadLineAsync() is { } line)
                    lock (_said)
                        _said.AppendLine(line);
            });
        WaitUntilReady();
    }

    internal string Url { get; }

    internal HttpClient Http { get; }

    internal string Said
    {
        get
        {
            lock (_said)
                return _said.ToString();
        }
    }

    internal JsonObject Get(string path) => Http.GetFromJsonAsync<JsonObject>(path).GetAwaiter().GetResult()!;

    internal string State(string id) => (string)Get($"/api/runs/{id}")["job"]!["state"]!;

    /// <summary>Waits until a run is in one of the states, or fails with what the service said.</summary>
    internal string WaitFor(string id, params string[] states)
    {
        for (var end = Stopwatch.StartNew(); end.Elapsed < TimeSpan.FromSeconds(120); Thread.Sleep(100))
            if (states.Contains(State(id)))
                return State(id);
        throw new TimeoutException($"Run {id} is {State(id)}. {Said}");
    }

    /// <summary>Waits until something holds; two minutes at most.</summary>
    internal void Until(Func<bool> holds)
    {
        for (var end = Stopwatch.StartNew(); !holds(); Thread.Sleep(100))
            Assert.True(end.Elapsed < TimeSpan.FromSeconds(120), Said);
    }

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
        _process.Kill();
        _process.WaitForExit();
    }

    internal int Terminate()
    {
        Process.Start("kill", ["-TERM", _process.Id.ToString()]).WaitForExit();
        Assert.True(_process.WaitForExit(60_000), Said);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        Http.Dispose();
    }

    private void WaitUntilReady()
    {
        for (var end = Stopwatch.StartNew(); end.Elapsed < TimeSpan.FromSeconds(120); Thread.Sleep(100))
            try
            {
                if (Http.GetAsync("/health/ready").GetAwaiter().GetResult().IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException) when (!_process.HasExited) { }
        throw new TimeoutException($"The service does not get ready. {Said}");
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
