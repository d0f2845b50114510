namespace KdPlugins.Torch.Tests.Memory;

/// <summary>
/// Native memory that a piece of work leaves behind. The runtime's own compiler and collector allocate beside it and at
/// any time, so the work is repeated: a leak shows in every round, they do not.
/// </summary>
internal static class NativeGrowth
{
    internal static long Smallest(int rounds, Action work)
    {
        var smallest = long.MaxValue;
        for (var i = 0; i < rounds; i++)
        {
            StepScopeTests.Collected();
            var before = LiveTensors.NativeBytes;
            work();
            StepScopeTests.Collected();
            smallest = Math.Min(smallest, LiveTensors.NativeBytes - before);
        }
        return smallest;
    }
}
