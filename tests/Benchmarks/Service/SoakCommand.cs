using System.Diagnostics;
using System.Globalization;
using KdPlugins.Benchmarks.Step;

namespace KdPlugins.Benchmarks.Service;

/// <summary>
/// A service under load for a long time. Its descriptors, threads and memory are looked at every ten seconds, and have to be
/// flat from the first third of the time on.
/// </summary>
internal static class SoakCommand
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    // What a figure may grow by, from the first to the last third of the time that counts: the noise of a service that
    // works, well below what half an hour of any leak per run, page or swap adds up to.
    private static readonly (string Name, Func<Look, double> Of, double Growth)[] Figures =
    [
        ("descriptors", l => l.Descriptors, 8),
        ("threads", l => l.Threads, 6),
        ("resident MB", l => l.ResidentMegabytes, 32),
        ("heap MB", l => l.HeapMegabytes, 4),
    ];

    internal static int Run(string[] arguments)
    {
        var minutes = arguments is ["--minutes", var number] ? double.Parse(number, CultureInfo.InvariantCulture) : 30;
        var folder = Directory.CreateTempSubdirectory("kd-soak-").FullName;
        try
        {
            var (data, plugins) = (Path.Combine(folder, "data"), Path.Combine(folder, "plugins"));
            foreach (var name in (string[])["Augmentations", "Datasets", "Losses", "Meters", "Models", "Strategies"])
                Copy(Path.Combine(ServiceStand.Plugins, name), Path.Combine(plugins, name));
            using var stand = ServiceStand.WithWorkers(
                data,
                o => (o.Plugins, o.Threads, o.StopSeconds, o.QuietSeconds) = (plugins, 1, 10, 0.5)
            );
            var load = new SoakLoad(stand, plugins);
            using var stop = new CancellationTokenSource();
            var working = load.Run(stop.Token);
            List<Look> looks = [];
            for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromMinutes(minutes); )
            {
                Thread.Sleep(Pause);
                looks.Add(Look.Now());
                Console.WriteLine($"{clock.Elapsed:mm\\:ss} {looks[^1]}; {load.Done}");
            }
            stop.Cancel();
            working.GetAwaiter().GetResult();
            return Judge(looks, load);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Judge(List<Look> looks, SoakLoad load)
    {
        var counted = looks.Skip(looks.Count / 3).ToList();
        var third = Math.Max(1, counted.Count / 3);
        var isFlat = true;
        foreach (var (name, of, growth) in Figures)
        {
            var (first, last) = (
                Statistics.Median(counted.Take(third).Select(of)),
                Statistics.Median(counted.TakeLast(third).Select(of))
            );
            var isThis = last - first <= growth;
            isFlat &= isThis;
            Console.WriteLine(
                $"{name, -12} {first:f1} to {last:f1} (up to {counted.Max(of):f1}): {(isThis ? "flat" : $"more than {growth} above")}"
            );
        }
        Console.WriteLine(load.Trouble.Length == 0 ? load.Done : load.Trouble);
        return isFlat && load.Trouble.Length == 0 ? 0 : 1;
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private sealed record Look(int Descriptors, int Threads, double ResidentMegabytes, double HeapMegabytes)
    {
        // The service is in this process; so are those who ask it, whose connections are a few.
        internal static Look Now()
        {
            var heap = GC.GetTotalMemory(forceFullCollection: true);
            using var own = Process.GetCurrentProcess();
            return new(
                Directory.GetFileSystemEntries("/proc/self/fd").Length,
                own.Threads.Count,
                own.WorkingSet64 / 1048576.0,
                heap / 1048576.0
            );
        }

        public override string ToString() =>
            $"{Descriptors} descriptors, {Threads} threads, {ResidentMegabytes:f0} MB resident, {HeapMegabytes:f1} MB heap";
    }
}
