namespace KdPlugins.Testing;

/// <summary>Chooses samples of a source.</summary>
internal static class SampleNumbers
{
    /// <summary>At most so many numbers below a count, evenly spread, the first and the last among them; 0 for all.</summary>
    internal static long[] Spread(long count, long most)
    {
        if (most <= 0 || most >= count)
            most = count;
        return [.. Range(most).Select(i => most == 1 ? 0 : (long)((Int128)i * (count - 1) / (most - 1)))];
    }

    private static IEnumerable<long> Range(long count)
    {
        for (var i = 0L; i < count; i++)
            yield return i;
    }
}
