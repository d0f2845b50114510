using System.Diagnostics;
using static TorchSharp.torch;

namespace KdPlugins.Benchmarks.Step;

/// <summary>What an operator costs where there is next to nothing to compute.</summary>
internal static class SmallestOperator
{
    internal static double Microseconds()
    {
        const int calls = 20_000;
        using var x = ones(1);
        var times = new List<double>();
        for (var i = 0; i < 7; i++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var j = 0; j < calls; j++)
                x.relu().Dispose();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds / calls);
        }
        return Statistics.Median(times);
    }
}
