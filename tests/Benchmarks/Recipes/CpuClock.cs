namespace KdPlugins.Benchmarks.Recipes;

/// <summary>A clock that goes while this process computes, on whatever thread: other load hardly moves it.</summary>
internal sealed class CpuClock : TimeProvider
{
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Environment.CpuUsage.TotalTime.Ticks;
}
