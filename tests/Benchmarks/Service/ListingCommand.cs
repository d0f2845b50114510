using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using KdPlugins.Benchmarks.Step;
using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Benchmarks.Service;

/// <summary>How long a page of a long queue takes over HTTP: all pages of several sizes, the dashboard's questions, searches.</summary>
internal static class ListingCommand
{
    private const double Bound = 100;

    internal static int Run(string[] arguments)
    {
        var count = arguments is ["--runs", var number] ? int.Parse(number, CultureInfo.InvariantCulture) : 10_000;
        var data = Directory.CreateTempSubdirectory("kd-listing-").FullName;
        try
        {
            Fill(data, count);
            using var stand = ServiceStand.WithIdleWorker(data);
            Console.WriteLine($"{count} runs, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}");
            // The first question pays for compiling the code, and for what a service does when it begins.
            Console.WriteLine($"the very first       {Ask(stand, "/api/runs?limit=25").Milliseconds:f1} ms");
            for (var warm = Stopwatch.StartNew(); warm.Elapsed < TimeSpan.FromSeconds(5); )
                Ask(stand, "/api/runs?limit=100");
            var worst = 0.0;
            foreach (var size in (int[])[25, 100, 500])
                worst = Math.Max(worst, Show($"pages of {size}", Pages(stand, size)));
            worst = Math.Max(worst, Show("pages of the queue", Times(stand, "/api/queue?limit=100&skip=5000", 20)));
            worst = Math.Max(worst, Show("a search", Times(stand, "/api/runs?limit=25&search=9c", 20)));
            worst = Math.Max(worst, Show("one state", Times(stand, "/api/runs?limit=25&state=Queued", 20)));
            worst = Math.Max(worst, Show("the overview", Times(stand, "/api/overview", 20)));
            Console.WriteLine(
                $"worst of all {worst:f1} ms, {(worst <= Bound ? "within" : "beyond")} the bound of {Bound} ms"
            );
            return worst <= Bound ? 0 : 1;
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    // Rows only: the folders of waiting runs are not looked at by any list.
    private static void Fill(string data, int count)
    {
        var database = new QueueDatabase(Path.Combine(data, "queue.db"), TimeProvider.System);
        database.Prepare();
        var request = new JobRequest("{}", data, [], 0, 0, 0, "benchmark");
        database.Write(c =>
        {
            for (var i = 0; i < count; i++)
                JobRows.Insert(
                    c,
                    JobQueue.New($"20260101-000000-{i:x6}-benchmark", "benchmark", request, DateTimeOffset.UnixEpoch)
                );
            return 0;
        });
    }

    private static List<double> Pages(ServiceStand stand, int size)
    {
        List<double> times = [];
        long? before = null;
        var seen = 0;
        do
        {
            var (page, time) = Ask(stand, $"/api/runs?limit={size}{(before is null ? "" : $"&before={before}")}");
            times.Add(time);
            seen += page["items"]!.AsArray().Count;
            before = (long?)page["next"];
        } while (before is not null);
        return seen == (long)Ask(stand, "/api/runs?limit=1").Answer["total"]!
            ? times
            : throw new InvalidOperationException($"Pages of {size} show {seen} runs.");
    }

    private static List<double> Times(ServiceStand stand, string path, int times) =>
        [.. Enumerable.Range(0, times).Select(_ => Ask(stand, path).Milliseconds)];

    private static (JsonNode Answer, double Milliseconds) Ask(ServiceStand stand, string path)
    {
        var clock = Stopwatch.StartNew();
        var text = stand.Http.GetStringAsync(path).GetAwaiter().GetResult();
        var time = clock.Elapsed.TotalMilliseconds;
        return (JsonNode.Parse(text)!, time);
    }

    private static double Show(string what, List<double> times)
    {
        Console.WriteLine(
            $"{what, -20} {times.Count, 4} requests: median {Statistics.Median(times):f1} ms, worst {times.Max():f1} ms"
        );
        return times.Max();
    }
}
