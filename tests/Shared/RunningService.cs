using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace KdPlugins.Tests;

/// <summary><c>kd serve</c> in a process of its own, on a free port of loopback, ready to be asked.</summary>
internal class RunningService : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);
    private readonly StringBuilder _said = new();

    /// <param name="start">Starts <c>kd</c> with arguments in a process whose output nobody reads yet.</param>
    /// <param name="data">The service's data folder.</param>
    /// <param name="plugins">Its plugin folder.</param>
    /// <param name="more">Further arguments.</param>
    internal RunningService(Func<string[], Process> start, string data, string plugins, params string[] more)
    {
        Url = $"http://127.0.0.1:{FreePort()}";
        Http = new() { BaseAddress = new(Url) };
        Process = start(["serve", "--urls", Url, "--data", data, "--plugins", plugins, .. more]);
        foreach (var stream in (StreamReader[])[Process.StandardOutput, Process.StandardError])
            _ = Task.Run(async () =>
            {
                while (await stream.ReadLineAsync() is { } line)
                    lock (_said)
                        _said.AppendLine(line);
            });
        Until(Answers);
    }

    internal string Url { get; }

    internal HttpClient Http { get; }

    /// <summary>What it printed so far.</summary>
    internal string Said
    {
        get
        {
            lock (_said)
                return _said.ToString();
        }
    }

    protected Process Process { get; }

    internal JsonObject Get(string path) => Http.GetFromJsonAsync<JsonObject>(path).GetAwaiter().GetResult()!;

    internal string State(string run) => (string)Get($"/api/runs/{run}")["job"]!["state"]!;

    internal void WaitForPlugin(string id) =>
        Until(() => Get("/api/plugins")["plugins"]!.AsArray().Any(p => (string?)p!["id"] == id));

    /// <summary>Waits until a run is in one of the states, and gives that state.</summary>
    internal string WaitFor(string run, params string[] states)
    {
        var state = "";
        Until(() => states.Contains(state = State(run)));
        return state;
    }

    /// <summary>Waits until something holds; fails with what the service said.</summary>
    internal void Until(Func<bool> holds)
    {
        for (var since = Stopwatch.StartNew(); !holds(); Thread.Sleep(100))
            Assert.True(since.Elapsed < Longest, Said);
    }

    public void Dispose()
    {
        if (!Process.HasExited)
            Process.Kill(entireProcessTree: true);
        Process.WaitForExit();
        Process.Dispose();
        Http.Dispose();
    }

    private bool Answers()
    {
        try
        {
            return Http.GetAsync("/health/ready").GetAwaiter().GetResult().IsSuccessStatusCode;
        }
        catch (HttpRequestException) when (!Process.HasExited)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
