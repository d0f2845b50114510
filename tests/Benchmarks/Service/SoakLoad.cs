using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Benchmarks.Service;

/// <summary>
/// What a service meets in a long time: runs submitted and dropped into the inbox, cancelled in the middle, pages read, event
/// streams opened and left, plugins taken away, brought back and changed.
/// </summary>
internal sealed class SoakLoad(ServiceStand stand, string plugins)
{
    private const string Swapped = "Augmentations";

    private static readonly string[] Pages =
    [
        "/",
        "/api/overview",
        "/api/runs?limit=100",
        "/api/queue?limit=100",
        "/api/plugins",
        "/api/schema",
        "/metrics",
        "/api/runs/{0}",
        "/api/runs/{0}/curves?points=200",
        "/api/runs/{0}/log?tail=65536",
        "/api/runs/{0}/samples",
    ];

    private const string Recipe = """
        {
          "name": "soak", "seed": 1,
          "dataset": { "id": "shapes", "options": { "train": 96, "test": 32, "classes": 3, "size": 8 } },
          "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
          "losses": [ { "id": "cross-entropy" } ],
          "strategy": { "id": "supervised" },
          "training": { "epochs": 2, "batchSize": 16 }
        }
        """;

    private readonly JobQueue _queue = stand.Get<JobQueue>();
    private long _pages;
    private long _cancels;
    private long _swaps;
    private string _trouble = "";

    /// <summary>What was done so far, for people.</summary>
    internal string Done =>
        $"{_queue.Counts()[JobState.Done]} runs done, {_cancels} cancelled, {_pages} pages read, {_swaps} plugin changes";

    /// <summary>What did not go as it has to; empty for nothing.</summary>
    internal string Trouble =>
        _queue.Counts()[JobState.Failed] is > 0 and var failed
            ? $"{failed} runs failed: {_queue.List(JobState.Failed, null, null, 1).Items[0].Message}"
            : _trouble;

    /// <summary>Goes on until it is to stop.</summary>
    internal Task Run(CancellationToken stop) =>
        Task.WhenAll(
            Repeat(TimeSpan.FromSeconds(1), Submit, stop),
            Repeat(TimeSpan.FromSeconds(7), Cancel, stop),
            Repeat(TimeSpan.FromMilliseconds(100), Read, stop),
            Repeat(TimeSpan.FromSeconds(3), () => Follow(stop), stop),
            Repeat(TimeSpan.FromSeconds(20), Swap, stop)
        );

    private async Task Repeat(TimeSpan pause, Func<Task> work, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(pause, stop);
                await work();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested) { }
        catch (Exception e)
        {
            _trouble = $"{work.Method.Name}: {e.Message}";
        }
    }

    // A few wait, whatever the machine's speed; every other comes through the inbox.
    private async Task Submit()
    {
        var counts = _queue.Counts();
        if (counts[JobState.Queued] >= 3)
            return;
        if (counts.Values.Sum() % 2 == 0)
        {
            await File.WriteAllTextAsync(Path.Combine(stand.Data, "inbox", $"{Guid.NewGuid():N}.json"), Recipe);
            return;
        }
        using var body = new StringContent($$"""{"recipe":{{Recipe}}}""", Encoding.UTF8, "application/json");
        using var answer = await stand.Http.PostAsync("/api/runs", body);
        answer.EnsureSuccessStatusCode();
    }

    private async Task Cancel()
    {
        if (_queue.List(JobState.Running, null, null, 1).Items is not [var job])
            return;
        using var answer = await stand.Http.PostAsync($"/api/runs/{job.Id}/cancel", null);
        // It may be over in the meantime.
        if (answer.StatusCode != HttpStatusCode.Conflict)
            answer.EnsureSuccessStatusCode();
        _cancels++;
    }

    private async Task Read()
    {
        var newest = _queue.List(null, null, null, 5).Items;
        if (newest.Count == 0)
            return;
        var page = string.Format(Pages[_pages % Pages.Length], newest[(int)(_pages / 3 % newest.Count)].Id);
        using var answer = await stand.Http.GetAsync(page);
        await answer.Content.ReadAsByteArrayAsync();
        // No samples or curves yet is no fault.
        if (answer.StatusCode != HttpStatusCode.NotFound)
            answer.EnsureSuccessStatusCode();
        _pages++;
    }

    private async Task Follow(CancellationToken stop)
    {
        using var reader = new StreamReader(await stand.Http.GetStreamAsync("/api/events", stop));
        for (var line = 0; line < 20; line++)
            await reader.ReadLineAsync(stop);
    }

    private Task Swap()
    {
        var folder = Path.Combine(plugins, Swapped);
        switch (_swaps++ % 3)
        {
            case 0:
                Directory.Move(folder, stand.Data + ".aside");
                break;
            case 1:
                Directory.Move(stand.Data + ".aside", folder);
                break;
            default:
                File.WriteAllText(Path.Combine(folder, "note.txt"), $"version {_swaps}");
                break;
        }
        return Task.CompletedTask;
    }
}
