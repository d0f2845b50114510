using KdPlugins.Host.Tests.Commands;

namespace KdPlugins.Host.Tests.Service;

/// <summary>One service with a token for all tests of hostile requests; its one run is done.</summary>
public sealed class HostileService : IAsyncLifetime
{
    internal const string Token = "0123456789abcdef-secret";

    /// <summary>What stands in files that no request may read.</summary>
    internal const string Secret = "nobody-may-read-this";

    private readonly Kd _kd = new();

    internal LocalService Service { get; private set; } = null!;

    internal string Run { get; private set; } = "";

    public async Task InitializeAsync()
    {
        // Where a way out of the runs' folder would lead.
        foreach (var folder in (string[])["data", "data/run", "data/runs/run", "run", "etc"])
        {
            Directory.CreateDirectory(_kd.At(folder));
            foreach (var file in (string[])["report.json", "report.html", "events.jsonl", "worker.log", "passwd"])
                File.WriteAllText(Path.Combine(_kd.At(folder), file), Secret);
        }
        Service = await LocalService.Start(_kd, token: Token);
        Run = await Service.Submit("good");
        await Service.WaitFor(Run);
    }

    public async Task DisposeAsync()
    {
        await Service.DisposeAsync();
        _kd.Dispose();
    }
}
