using System.Diagnostics;
using System.Text;
using System.Text.Json;
using KdPlugins.Benchmarks.Step;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Benchmarks.Service;

/// <summary>What many readers of the event stream cost a run: its speed with and without them, taking turns.</summary>
internal static class StreamsCommand
{
    private const double Bound = 0.97;
    private const int Readers = 200;

    private const string Recipe = """
        {
          "name": "streams", "seed": 1,
          "dataset": { "id": "shapes", "options": { "train": 6400, "test": 64, "classes": 10, "size": 32 } },
          "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
          "losses": [ { "id": "cross-entropy" } ],
          "strategy": { "id": "supervised" },
          "training": { "epochs": 100000, "batchSize": 64 }
        }
        """;

    internal static int Run(StepOptions options)
    {
        var data = Directory.CreateTempSubdirectory("kd-streams-").FullName;
        try
        {
            using var stand = ServiceStand.WithWorkers(data, o => (o.Threads, o.StopSeconds) = (options.Threads, 10));
            var id = Submit(stand);
            using var pace = new Pace(stand.Get<Hub>(), id);
            while (!pace.IsWarm)
                Thread.Sleep(200);
            List<(double Alone, double Watched)> rounds = [];
            List<double> service = [];
            List<double> idle = [];
            for (var round = 1; round <= options.Rounds; round++)
            {
                // Who goes first changes, so that a drift of the machine meets both.
                var first = round % 2 == 1 ? Alone() : Watched();
                var second = round % 2 == 1 ? Watched() : Alone();
                rounds.Add(round % 2 == 1 ? (first, second) : (second, first));
                Console.Error.WriteLine($"round {round} of {options.Rounds}: {rounds[^1]}");
            }
            stand.Get<JobQueue>().Cancel(id);
            return Print(options, rounds, idle, service);

            double Alone() => Turn(idle);

            double Turn(List<double> use)
            {
                using var own = Process.GetCurrentProcess();
                var (cpu, clock) = (own.TotalProcessorTime, Stopwatch.StartNew());
                var speed = pace.Over(options.Seconds);
                own.Refresh();
                use.Add((own.TotalProcessorTime - cpu) / clock.Elapsed);
                return speed;
            }

            double Watched()
            {
                using var readers = new StreamReaders(stand.Http.BaseAddress!, Readers);
                var speed = Turn(service);
                var events = readers.Close();
                return events >= Readers
                    ? speed
                    : throw new InvalidOperationException($"Only {events} events were read.");
            }
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    private static string Submit(ServiceStand stand)
    {
        using var body = new StringContent($$"""{"recipe":{{Recipe}}}""", Encoding.UTF8, "application/json");
        using var answer = stand.Http.PostAsync("/api/runs", body).GetAwaiter().GetResult();
        var text = answer.Content.ReadAsStringAsync().GetAwaiter().GetResult();
        return answer.IsSuccessStatusCode
            ? JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!
            : throw new InvalidOperationException(text);
    }

    private static int Print(
        StepOptions options,
        List<(double Alone, double Watched)> rounds,
        List<double> idle,
        List<double> service
    )
    {
        var ratios = rounds.Select(r => r.Watched / r.Alone).ToArray();
        var ratio = Statistics.Median(ratios);
        Console.WriteLine(
            $"{Readers} readers, {options.Threads} threads, {options.Rounds} rounds of {options.Seconds} s, "
                + $"load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}"
        );
        Console.WriteLine(
            $"alone {Statistics.Median(rounds.Select(r => r.Alone)):f2} steps/s, watched "
                + $"{Statistics.Median(rounds.Select(r => r.Watched)):f2} steps/s; watched / alone: median of "
                + $"{ratios.Length} rounds {ratio:f3} ({ratios.Min():f3}-{ratios.Max():f3}), "
                + $"{(ratio >= Bound ? "within" : "beyond")} the bound of {Bound}"
        );
        Console.WriteLine(
            $"the service took {100 * Statistics.Median(idle):f1} % of a processor alone, "
                + $"{100 * Statistics.Median(service):f1} % while it was watched"
        );
        return ratio >= Bound ? 0 : 1;
    }
}
