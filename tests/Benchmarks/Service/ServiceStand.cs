using System.Diagnostics;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Hosting;
using KdPlugins.Host.Service.Plugins;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KdPlugins.Benchmarks.Service;

/// <summary>A service in this process with a data folder of its own; its workers are processes of the host's program.</summary>
internal sealed class ServiceStand : IDisposable
{
    // Says that plugins are good, on the pipe that the last argument names.
    private const string Idle = """
        for channel; do :; done
        [ "$0" = plugins ] || exec cat > /dev/null
        echo '{"event":"verified","problems":[]}' > "/dev/fd/$channel"
        """;

    private readonly WebApplication _app;

    private ServiceStand(string data, Action<ServiceOptions> change, IEnumerable<string> worker)
    {
        Data = data;
        _app = ServiceHost.Build(
            options =>
            {
                (options.Data, options.Urls, options.MinFreeMegabytes) = (data, "http://127.0.0.1:0", 0);
                options.Plugins = Plugins;
                options.WorkerCommand = [.. worker];
                change(options);
            },
            logging => logging.ClearProviders()
        );
        _app.StartAsync().GetAwaiter().GetResult();
        Http = new() { BaseAddress = new(_app.Urls.Single()) };
        for (var end = Stopwatch.StartNew(); !Get<PluginSets>().IsReady; Thread.Sleep(100))
            if (end.Elapsed > TimeSpan.FromMinutes(3))
                throw new TimeoutException("The service does not get ready.");
    }

    /// <summary>The plugins that ship.</summary>
    internal static string Plugins { get; } =
        Path.Combine(AppContext.BaseDirectory, "plugins") is var own && Directory.Exists(own)
            ? own
            : Path.Combine(HostOutput(), "plugins");

    internal string Data { get; }

    internal HttpClient Http { get; }

    internal T Get<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    /// <summary>A service whose workers train.</summary>
    internal static ServiceStand WithWorkers(string data, Action<ServiceOptions> change) =>
        new(data, change, ["dotnet", Path.Combine(HostOutput(), "kd.dll")]);

    /// <summary>A service whose one worker does nothing, so that all other runs wait.</summary>
    internal static ServiceStand WithIdleWorker(string data) => new(data, _ => { }, ["sh", "-c", Idle]);

    public void Dispose()
    {
        Http.Dispose();
        _app.StopAsync().GetAwaiter().GetResult();
        ((IDisposable)_app).Dispose();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
    }

    private static string HostOutput()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(
            own.Parent!.Parent!.Parent!.Parent!.Parent!.FullName,
            "host",
            "bin",
            own.Parent.Name,
            own.Name
        );
    }
}
