using System.Diagnostics;
using System.Globalization;
using KdPlugins.Benchmarks.Overhead;
using KdPlugins.Benchmarks.Step;
using KdPlugins.Core;
using TorchSharp;

namespace KdPlugins.Benchmarks.Replaying;

/// <summary>
/// A run that is held after its step until standard input says how many steps, or for how long, it may go on; it answers with
/// the milliseconds of a step, by the clock and of the processor. An end of input stops it.
/// </summary>
internal sealed class HeldRun : IRunObserver
{
    private readonly CancellationTokenSource _enough = new();
    private double _seconds;
    private int _count = 1;
    private int _steps;
    private long _start = Stopwatch.GetTimestamp();
    private ProcessUse _before = ProcessUse.Now(Environment.ProcessId);

    /// <summary>Runs until it is stopped. arguments: threads, a section of the recipe.</summary>
    internal static int Run(string[] arguments)
    {
        torch.set_num_threads(int.Parse(arguments[0], CultureInfo.InvariantCulture));
        var run = new HeldRun();
        EngineRun.Train(run, run._enough.Token, arguments[1]);
        return 0;
    }

    public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
    {
        var elapsed = Stopwatch.GetElapsedTime(_start);
        if (++_steps < _count || elapsed.TotalSeconds < _seconds || _enough.IsCancellationRequested)
            return;
        var processor = (ProcessUse.Now(Environment.ProcessId) - _before).CpuSeconds * 1000 / _steps;
        Console.WriteLine(FormattableString.Invariant($"{elapsed.TotalMilliseconds / _steps} {processor}"));
        if (Console.ReadLine()?.Split(' ') is not [var what, var amount])
        {
            _enough.Cancel();
            return;
        }
        (_count, _seconds) =
            what == "steps"
                ? (int.Parse(amount, CultureInfo.InvariantCulture), 0)
                : (0, double.Parse(amount, CultureInfo.InvariantCulture));
        (_steps, _start, _before) = (0, Stopwatch.GetTimestamp(), ProcessUse.Now(Environment.ProcessId));
    }

    public void RunStarted(long seed, string path) { }

    public void StageStarted(Progress progress) { }

    public void Evaluated(Progress progress, Evaluation evaluation) { }

    public void CheckpointWritten(Progress progress, string path) { }

    public void Warned(string message) => Console.Error.WriteLine(message);
}
