using System.Diagnostics;
using System.Text.Json.Nodes;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Hosting;
using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Tests.Commands;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KdPlugins.Host.Tests.Service;

/// <summary>
/// The whole service in this process, on a free port of loopback; its workers are a script whose deeds the run's name says.
/// </summary>
internal sealed class LocalService : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string? _token;

    private LocalService(WebApplication app, string data, string? token)
    {
        (_app, Data, _token) = (app, data, token);
        Http = new() { BaseAddress = new(app.Urls.Single()) };
        if (token is not null)
            Http.DefaultRequestHeaders.Authorization = new("Bearer", token);
    }

    internal string Data { get; }

    internal HttpClient Http { get; }

    internal ServiceLog Log { get; private init; } = new();

    internal JobQueue Queue => _app.Services.GetRequiredService<JobQueue>();

    internal PluginSets Plugins => _app.Services.GetRequiredService<PluginSets>();

    /// <summary>Every address of the interface with its method.</summary>
    internal IReadOnlyList<(string Method, string Route)> Endpoints =>
        [
            .. _app
                .Services.GetRequiredService<EndpointDataSource>()
                .Endpoints.OfType<RouteEndpoint>()
                .SelectMany(e =>
                    (e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]).Select(m =>
                        (m, "/" + e.RoutePattern.RawText!.Trim('/'))
                    )
                ),
        ];

    /// <summary>Starts a service below a folder.</summary>
    internal static async Task<LocalService> Start(
        Kd kd,
        Action<ServiceOptions>? change = null,
        Action<IServiceCollection>? parts = null,
        string? token = null
    )
    {
        var (data, log) = (kd.At("data"), new ServiceLog());
        var app = ServiceHost.Build(
            options =>
            {
                (options.Data, options.Urls) = (data, "http://127.0.0.1:0");
                options.Plugins = Directory.Exists(kd.At("plugins")) ? kd.At("plugins") : kd.CopyPlugins();
                options.WorkerCommand = ["sh", ScriptedWorker.Write(kd)];
                (options.BackOffSeconds, options.MaxBackOffSeconds, options.StopSeconds) = (0.1, 1, 1);
                options.QuietSeconds = 0.1;
                if (token is not null)
                    options.TokenFile = kd.Write("token", token);
                change?.Invoke(options);
            },
            logging =>
                logging
                    .ClearProviders()
                    .SetMinimumLevel(LogLevel.Trace)
                    .AddFilter("Microsoft.AspNetCore", LogLevel.Trace)
                    .AddProvider(log),
            parts
        );
        await app.StartAsync();
        var service = new LocalService(app, data, token) { Log = log };
        await service.Until(() => service.Plugins.IsReady);
        return service;
    }

    /// <summary>Submits the tests' recipe under a name, and gives the run's id.</summary>
    internal Task<string> Submit(string name, double timeLimit = 0) => Submit(Named(name), timeLimit);

    /// <summary>Submits a recipe, and gives the run's id.</summary>
    internal async Task<string> Submit(JsonObject recipe, double timeLimit = 0)
    {
        var body = new JsonObject { ["recipe"] = recipe, ["timeLimitSeconds"] = timeLimit };
        using var content = new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
        using var answer = await Http.PostAsync("/api/runs", content);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return (string)JsonNode.Parse(text)!["id"]!;
    }

    /// <summary>The tests' recipe under a name.</summary>
    internal static JsonObject Named(string name)
    {
        var recipe = JsonNode.Parse(Kd.Recipe)!.AsObject();
        recipe["name"] = name;
        return recipe;
    }

    /// <summary>Waits until a run is over, or in the given state.</summary>
    internal async Task<Job> WaitFor(string id, JobState? state = null)
    {
        await Until(() => Queue.Get(id) is var job && (state is null ? job.IsOver : job.State == state));
        return Queue.Get(id);
    }

    /// <summary>Waits until something holds; two minutes at most.</summary>
    internal async Task Until(Func<bool> holds)
    {
        for (var end = Stopwatch.StartNew(); !holds(); await Task.Delay(50))
        {
            // Once: the log grows meanwhile.
            var said = Log.Text;
            Assert.True(end.Elapsed < TimeSpan.FromMinutes(2), said[^Math.Min(said.Length, 4000)..]);
        }
    }

    internal async Task<JsonNode> Get(string path) => JsonNode.Parse(await Http.GetStringAsync(path))!;

    /// <summary>A request byte by byte as it is given; with the token unless the headers have one, or none is wanted.</summary>
    internal Task<RawAnswer> Send(string method, string target, string body = "", params string[] headers)
    {
        List<string> all = [.. headers];
        void Add(string name, string value)
        {
            if (!headers.Any(h => h.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)))
                all.Add($"{name}: {value}");
        }
        Add("Host", Http.BaseAddress!.Authority);
        if (_token is not null)
            Add("Authorization", $"Bearer {_token}");
        if (body.Length > 0)
        {
            Add("Content-Type", "application/json");
            Add("Content-Length", System.Text.Encoding.UTF8.GetByteCount(body).ToString());
        }
        return RawAnswer.Of(
            Http.BaseAddress.Port,
            $"{method} {target} HTTP/1.1\r\n{string.Join("\r\n", all.Where(h => !h.EndsWith(": -")))}\r\nConnection: close\r\n\r\n{body}"
        );
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
    }
}
