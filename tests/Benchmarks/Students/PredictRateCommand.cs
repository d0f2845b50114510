using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using KdPlugins.Benchmarks.Step;
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
        var alone = new List<double>();
        var rates = contestants.ToDictionary(c => c, _ => new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            // Busy waiting is quicker on a machine of its own, and slower on one that others use.
            var reference = Math.Max(
                Alone(model, images.Count, threads, spins: true),
                Alone(model, images.Count, threads, spins: false)
            );
            foreach (var contestant in contestants)
            {
                var rate = Predict(contestant, folder, threads);
                if (round > 0) // the first one warms up
                    rates[contestant].Add(rate);
            }
            if (round > 0)
                alone.Add(reference);
        }
        Console.WriteLine(
            $"ONNX Runtime alone: {Statistics.Median(alone):0} images/s ({alone.Min():0}-{alone.Max():0})"
        );
        foreach (var (contestant, found) in rates)
        {
            var shares = found.Zip(alone, (a, b) => a / b).ToList();
            Console.WriteLine(
                $"kd predict {contestant}: {Statistics.Median(found):0} images/s, {Statistics.Median(shares):0.00} of it ({shares.Min():0.00}-{shares.Max():0.00})"
            );
        }
        return 0;
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

    // The same batches, prepared beforehand.
    private static double Alone(string model, int count, int threads, bool spins)
    {
        using var settings = new SessionOptions { IntraOpNumThreads = threads };
        settings.AddSessionConfigEntry("session.intra_op.allow_spinning", spins ? "1" : "0");
        using var session = new InferenceSession(model, settings);
        var shape = session.InputMetadata["input"].Dimensions.Select(d => (long)d).ToArray();
        shape[0] = Batch;
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        var random = new Random(1);
        for (var i = 0; i < values.Length; i++)
            values[i] = random.NextSingle() * 4 - 2;
        using var input = OrtValue.CreateTensorValueFromMemory(values, shape);
        using var options = new RunOptions();
        void Once() => session.Run(options, ["input"], [input], ["logits"]).Dispose();
        Once();
        var clock = Stopwatch.StartNew();
        var batches = (count + Batch - 1) / Batch;
        for (var i = 0; i < batches; i++)
            Once();
        return batches * Batch / clock.Elapsed.TotalSeconds;
    }

    // The program itself, by its own count: from the first file on, without what starting takes.
    private static double Predict(string what, string folder, int threads)
    {
        string[] command = ["predict", what, folder, "--json", "--batch", $"{Batch}", "--threads", $"{threads}"];
        var program = Path.Combine(
            Path.GetDirectoryName(typeof(PredictRateCommand).Assembly.Location)!.Replace("tests/Benchmarks", "host"),
            "kd.dll"
        );
        var start = new ProcessStartInfo("dotnet", [program, .. command]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var last = process.StandardOutput.ReadToEnd().TrimEnd().Split('\n')[^1];
        return (double)JsonNode.Parse(last)!["imagesPerSecond"]!;
    }
}
