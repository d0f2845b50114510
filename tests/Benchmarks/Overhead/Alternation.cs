using System.Diagnostics;
using KdPlugins.Benchmarks.Step;
using KdPlugins.Core;

namespace KdPlugins.Benchmarks.Overhead;

/// <summary>
/// Lets a run and the bare step take turns: whenever the run's turn is over, it is held after its step while the bare
/// step has its turn, on the same thread and so with the same heap. Who is measured first changes with every round.
/// </summary>
internal sealed class Alternation(OurContestant bare, double seconds, int rounds) : IRunObserver
{
    private const int WarmUp = 5;
    private readonly List<Turn> _bare = [];
    private readonly List<Turn> _engine = [];
    private readonly CancellationTokenSource _enough = new();
    private int _warm;
    private int _steps;
    private long _start;
    private ProcessUse _before;

    /// <summary>Set when all rounds are done.</summary>
    internal CancellationToken Enough => _enough.Token;

    /// <summary>The turns, by round.</summary>
    internal IEnumerable<(Turn Bare, Turn Engine)> Rounds => _bare.Zip(_engine);

    public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
    {
        if (_enough.IsCancellationRequested)
            return;
        if (_warm < WarmUp)
        {
            if (++_warm == WarmUp)
            {
                bare.Run(1);
                _bare.Add(bare.Run(seconds));
                Begin();
            }
            return;
        }
        _steps++;
        var elapsed = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        if (elapsed < seconds)
            return;
        var use = ProcessUse.Now(Environment.ProcessId) - _before;
        _engine.Add(
            new(
                _steps * DistillationStep.Batch / elapsed,
                use.CpuSeconds * 1000 / _steps,
                (double)use.Faults / _steps,
                double.NaN
            )
        );
        Console.Error.WriteLine($"round {Math.Min(_engine.Count, _bare.Count)} of {rounds}");
        // In turns bare, engine; engine, bare; bare, ...: a drift of the machine meets both.
        while (_bare.Count < rounds && _bare.Count < _engine.Count + _engine.Count % 2)
            _bare.Add(bare.Run(seconds));
        if (_engine.Count == rounds)
            _enough.Cancel();
        Begin();
    }

    public void RunStarted(long seed, string path) { }

    public void StageStarted(Progress progress) { }

    public void Evaluated(Progress progress, Evaluation evaluation) { }

    public void CheckpointWritten(Progress progress, string path) { }

    public void Warned(string message) => Console.Error.WriteLine(message);

    private void Begin() =>
        (_steps, _start, _before) = (0, Stopwatch.GetTimestamp(), ProcessUse.Now(Environment.ProcessId));
}
