using System.Diagnostics;

namespace KdPlugins.Benchmarks.Service;

/// <summary>Many readers of the event stream, in a process of their own, so that what they cost is not the service's.</summary>
internal sealed class StreamReaders : IDisposable
{
    private readonly Process _process;

    /// <summary>Opens them and waits until all are told that they are.</summary>
    internal StreamReaders(Uri address, int count)
    {
        // On whatever processor is free, wherever the run and the service were put: readers are elsewhere.
        var start = new ProcessStartInfo("taskset") { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (
            var word in (string[])
                [
                    "-c",
                    File.ReadAllText("/sys/devices/system/cpu/online").Trim(),
                    "dotnet",
                    Path.Combine(AppContext.BaseDirectory, "KdPlugins.Benchmarks.dll"),
                    "read-streams",
                    $"{address}",
                    $"{count}",
                ]
        )
            start.ArgumentList.Add(word);
        _process = Process.Start(start)!;
        if (_process.StandardOutput.ReadLine() != "open")
            throw new InvalidOperationException("The event streams do not open.");
    }

    /// <summary>Closes them and gives the number of events that they read together.</summary>
    internal long Close()
    {
        _process.StandardInput.Close();
        return long.Parse(_process.StandardOutput.ReadLine()!);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    /// <summary>The process of the readers.</summary>
    internal static int Run(string[] arguments)
    {
        var (address, count, events) = (arguments[0], int.Parse(arguments[1]), 0L);
        using var open = new CountdownEvent(count);
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = count })
        {
            BaseAddress = new(address),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        async Task Read()
        {
            using var reader = new StreamReader(await http.GetStreamAsync("/api/events"));
            while (await reader.ReadLineAsync() is { } line)
                if (line == "event: alive" && open.CurrentCount > 0)
                    open.Signal();
                else if (line.StartsWith("data:", StringComparison.Ordinal))
                    Interlocked.Increment(ref events);
        }
        for (var i = 0; i < count; i++)
            _ = Read();
        open.Wait();
        Console.WriteLine("open");
        Console.In.ReadToEnd();
        Console.WriteLine(events);
        Environment.Exit(0);
        return 0;
    }
}
