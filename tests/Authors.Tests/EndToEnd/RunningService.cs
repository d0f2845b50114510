using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary><c>kd serve</c> on a free port of loopback.</summary>
internal sealed class RunningService : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _said;
    private readonly HttpClient _http = new();

    internal RunningService(string folder, string plugins)
    {
        Url = $"http://127.0.0.1:{FreePort()}";
        var data = Path.Combine(folder, "data");
        string[] arguments = [Commands.Kd, "serve", "--urls", Url, "--data", data, "--plugins", plugins];
        _process = Commands.Start(folder, arguments, out _said);
        Wait("the service to be ready", () => Answers("/health/ready"));
    }

    internal string Url { get; }

    internal void WaitForPlugin(string id) =>
        Wait($"plugin '{id}'", () => Get("/api/plugins")["plugins"]!.AsArray().Any(p => (string?)p!["id"] == id));

    internal void WaitForEnd(string run)
    {
        string State() => (string)Get($"/api/runs/{run}")["job"]!["state"]!;
        Wait($"the end of run {run}", () => State() is "Done" or "Failed" or "Cancelled");
        Assert.True(State() == "Done", Get($"/api/runs/{run}").ToJsonString());
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _http.Dispose();
    }

    private JsonObject Get(string path) => _http.GetFromJsonAsync<JsonObject>(Url + path).GetAwaiter().GetResult()!;

    private bool Answers(string path)
    {
        try
        {
            return _http.GetAsync(Url + path).GetAwaiter().GetResult().IsSuccessStatusCode;
        }
        catch (HttpRequestException) when (!_process.HasExited)
        {
            return false;
        }
    }

    private void Wait(string what, Func<bool> holds)
    {
        for (var since = Stopwatch.StartNew(); !holds(); Thread.Sleep(200))
            Assert.True(since.Elapsed < TimeSpan.FromMinutes(4), $"Waiting for {what}.\n{Commands.Text(_said)}");
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
