namespace KdPlugins.Datasets;

/// <summary>A small generator for one image (SplitMix64, Steele, Lea and Flood 2014).</summary>
internal struct SceneRandom(ulong state)
{
    private ulong _state = state;

    public ulong Next()
    {
        var z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// <summary>In [0, 1).</summary>
    public float Unit() => (Next() >> 40) * (1f / (1 << 24));

    /// <summary>In [low, high).</summary>
    public float Between(float low, float high) => low + (high - low) * Unit();

    /// <summary>In 0..count-1.</summary>
    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    /// <summary>Mean 0, deviation 1, bell-shaped: the sum of four uniform draws of 16 bits.</summary>
    public float Bell()
    {
        var bits = Next();
        var sum =
            (int)(bits & 0xffff) + (int)((bits >> 16) & 0xffff) + (int)((bits >> 32) & 0xffff) + (int)(bits >> 48);
        return (sum - 131070) * (1.7320508f / 65536);
    }
}
