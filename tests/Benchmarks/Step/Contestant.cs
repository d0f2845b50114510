using System.Diagnostics;
using TorchSharp;

namespace KdPlugins.Benchmarks.Step;

/// <summary>One turn of a contestant.</summary>
/// <param name="ImagesPerSecond">By the clock.</param>
/// <param name="CpuMilliseconds">Processor time of one step, on all threads.</param>
/// <param name="Faults">Page faults of one step.</param>
/// <param name="Loss">The last step's.</param>
internal sealed record Turn(double ImagesPerSecond, double CpuMilliseconds, double Faults, double Loss);

/// <summary>Something that does distillation steps when it is its turn, and nothing otherwise.</summary>
internal interface IContestant : IDisposable
{
    string Name { get; }

    /// <summary>Does steps for about so long.</summary>
    Turn Run(double seconds);
}

/// <summary>This process.</summary>
internal sealed class OurContestant(Variant variant) : IContestant
{
    private readonly DistillationStep _step = new(variant);
    private int _steps;

    public string Name => $"KdPlugins {variant.Name}";

    internal int Steps => _steps;

    internal IReadOnlyDictionary<string, double> Parts => _step.Parts;

    public Turn Run(double seconds)
    {
        var before = ProcessUse.Now(Environment.ProcessId);
        var start = Stopwatch.GetTimestamp();
        var steps = 0;
        double loss;
        do
        {
            loss = _step.Run();
            steps++;
        } while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
        var elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var use = ProcessUse.Now(Environment.ProcessId) - before;
        _steps += steps;
        return new(
            steps * DistillationStep.Batch / elapsed,
            use.CpuSeconds * 1000 / steps,
            (double)use.Faults / steps,
            loss
        );
    }

    /// <summary>Tensors made in one step, and the in-place calls that make none.</summary>
    internal long CallsPerStep()
    {
        var statistics = DisposeScopeManager.Statistics;
        var before = statistics.CreatedInScopeCount + statistics.CreatedOutsideScopeCount;
        _step.Run();
        return statistics.CreatedInScopeCount + statistics.CreatedOutsideScopeCount - before + _step.InPlaceCalls;
    }

    public void Dispose() => _step.Dispose();
}
