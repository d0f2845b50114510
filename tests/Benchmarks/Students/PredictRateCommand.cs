using System.Diagnostics;
using System.Globalization;
using KdPlugins.Benchmarks.Step;
using KdPlugins.Host;
using KdPlugins.Host.Commands.Students;
using Microsoft.ML.OnnxRuntime;

namespace KdPlugins.Benchmarks.Students;

/// <summary>
/// <c>kd predict</c> from image files to classes against what ONNX Runtime alone does with the same batches in memory, in turns and with
/// the same threads; and how long an application waits for a student's first answer.
/// </summary>
internal static class PredictRateCommand
{
    private const int Batch = 64;

    /// <param name="args">MODEL.onnx FOLDER --rounds 6 --threads 2 [--run RUN]</param>
    internal static int Run(string[] args)
    {
        string? Text(string name) => Array.IndexOf(args, name) is >= 0 and var at ? args[at + 1] : null;
        int Number(string name, int usual) => Text(name) is { } n ? int.Parse(n, CultureInfo.InvariantCulture) : usual;
        var (model, folder, rounds, threads) = (args[0], args[1], Number("--rounds", 6), Number("--threads", 2));
        StudentLibraries.Announce();
        var images = ImageList.Find([folder]);
        Console.WriteLine($"{images.Count} images, batches of {Batch}, {threads} threads, {rounds} rounds");
        Console.WriteLine(
            $"first answer: {FirstAnswer(model, images[0]):0} ms from Load to Predict, in a process of its own"
        );
        string[] contestants = [model, .. Text("--run") is { } run ? (string[])[run] : []];
        var alone = new List<Use>();
        var uses = contestants.ToDictionary(c => c, _ => new List<Use>());
        for (var round = 0; round <= rounds; round++)
        {
            // Busy waiting is quicker on a machine of its own, and slower on one that others use.
            var spinning = Measured(images.Count, () => Alone(model, images.Count, threads, spins: true));
            var still = Measured(images.Count, () => Alone(model, images.Count, threads, spins: false));
            var found = contestants.Select(c => Measured(images.Count, () => Predict(c, folder, threads))).ToList();
            if (round == 0) // the first one warms up
                continue;
            alone.Add(new(Math.Max(spinning.Rate, still.Rate), Math.Max(spinning.PerProcessor, still.PerProcessor)));
            foreach (var (contestant, use) in contestants.Zip(found))
                uses[contestant].Add(use);
        }
        Print("ONNX Runtime alone", alone, alone);
        foreach (var (contestant, found) in uses)
            Print($"kd predict {contestant}", found, alone);
        return 0;
    }

    /// <summary>Images per second.</summary>
    /// <param name="Rate">By the clock.</param>
    /// <param name="PerProcessor">Of processor time on all threads, which other load hardly moves.</param>
    private readonly record struct Use(double Rate, double PerProcessor);

    private static void Print(string name, List<Use> found, List<Use> alone)
    {
        string Told(Func<Use, double> of)
        {
            var shares = found.Zip(alone, (a, b) => of(a) / of(b)).ToList();
            return $"{Statistics.Median(found.Select(of)):0}, {Statistics.Median(shares):0.00} of it alone ({shares.Min():0.00}-{shares.Max():0.00})";
        }
        Console.WriteLine(
            $"{name}: images/s by the clock {Told(u => u.Rate)}; by processor time {Told(u => u.PerProcessor)}"
        );
    }

    private static Use Measured(int images, Action work)
    {
        var (clock, before) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        work();
        return new(
            images / clock.Elapsed.TotalSeconds,
            images / (Environment.CpuUsage.TotalTime - before).TotalSeconds
        );
    }

    /// <summary>One answer, and the milliseconds that it took: what a new process does.</summary>
    /// <param name="args">MODEL IMAGE</param>
    internal static int First(string[] args)
    {
        StudentLibraries.Announce();
        var clock = Stopwatch.StartNew();
        using var student = Student.Load(args[0]);
        _ = student.Predict(args[1]);
        Console.WriteLine(clock.Elapsed.TotalMilliseconds.ToString(CultureInfo.InvariantCulture));
        return 0;
    }

    private static double FirstAnswer(string model, string image)
    {
        var start = new ProcessStartInfo(
            "dotnet",
            [typeof(PredictRateCommand).Assembly.Location, "first-answer", model, image]
        )
        {
            RedirectStandardOutput = true,
        };
        double Once()
        {
            using var process = Process.Start(start)!;
            return double.Parse(process.StandardOutput.ReadToEnd(), CultureInfo.InvariantCulture);
        }
        return Statistics.Median([.. Enumerable.Range(0, 5).Select(_ => Once())]);
    }

    // The same batches, prepared beforehand; the session is made anew, as the command does.
    private static void Alone(string model, int count, int threads, bool spins)
    {
        using var settings = new SessionOptions { IntraOpNumThreads = threads };
        settings.AddSessionConfigEntry("session.intra_op.allow_spinning", spins ? "1" : "0");
        using var session = new InferenceSession(model, settings);
        var shape = session.InputMetadata["input"].Dimensions.Select(d => (long)d).ToArray();
        using var options = new RunOptions();
        var random = new Random(1);
        for (var left = count; left > 0; left -= Batch)
        {
            shape[0] = Math.Min(Batch, left);
            var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            for (var i = 0; i < 100; i++)
                values[random.Next(values.Length)] = random.NextSingle() * 4 - 2;
            using var input = OrtValue.CreateTensorValueFromMemory(values, shape);
            session.Run(options, ["input"], [input], ["logits"]).Dispose();
        }
    }

    // The whole command, in this process, from finding the files to the last line of JSON.
    private static void Predict(string what, string folder, int threads)
    {
        string[] command = ["predict", what, folder, "--json", "--batch", $"{Batch}", "--threads", $"{threads}"];
        using var output = new StringWriter();
        var code = KdPlugins.Host.CommandLine.Run(
            command,
            new(output, output, IsTerminal: false, Json: true, Verbose: false)
        );
        if (code != ExitCodes.Done)
            throw new InvalidOperationException(output.ToString());
    }
}
