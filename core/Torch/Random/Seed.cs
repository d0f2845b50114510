namespace KdPlugins.Torch;

/// <summary>
/// Seeds by derivation: the seed of every draw is a hash of (run seed, stage, step, purpose, ...). There is no random
/// state to save, and no draw disturbs another.
/// </summary>
/// <remarks>
/// The hash chains the finaliser of SplitMix64 (Steele, Lea and Flood, 2014) over the words of the path. Its values are
/// part of the contract: a run that is resumed with a later version draws the same numbers.
/// </remarks>
public static class Seed
{
    private const ulong Golden = 0x9e3779b97f4a7c15UL;

    // Keeps texts apart from numbers: a text begins with its length, and with this bit set.
    private const ulong TextMark = 0x8000_0000_0000_0000UL;

    /// <summary>The seed below <paramref name="seed"/> for a number, such as a step or a sample index.</summary>
    /// <param name="seed">Any seed.</param>
    /// <param name="number">Any number.</param>
    public static ulong Derive(ulong seed, long number) => Word(seed, (ulong)number);

    /// <summary>The seed below <paramref name="seed"/> for a purpose, such as <c>"crop"</c>.</summary>
    /// <param name="seed">Any seed.</param>
    /// <param name="purpose">Any text; hashed by its UTF-16 code units, so the same on every machine and in every culture.</param>
    public static ulong Derive(ulong seed, string purpose)
    {
        ArgumentNullException.ThrowIfNull(purpose);
        var state = Word(seed, (uint)purpose.Length | TextMark);
        foreach (var character in purpose)
            state = Word(state, character);
        return state;
    }

    /// <summary>
    /// The seed at the end of a path: <c>Derive(run, "stage", 2, "crop", index)</c> is the same as deriving by one part
    /// after the other.
    /// </summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="path">Purposes and numbers, outermost first.</param>
    public static ulong Derive(ulong seed, params ReadOnlySpan<SeedPart> path)
    {
        foreach (var part in path)
            seed = part.Purpose is { } purpose ? Derive(seed, purpose) : Derive(seed, part.Number);
        return seed;
    }

    internal static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
        return x ^ (x >> 31);
    }

    private static ulong Word(ulong seed, ulong value) => Mix(Mix(seed + Golden) ^ (value + Golden));
}

/// <summary>One part of a seed's path: a purpose or a number; made from either without a cast.</summary>
public readonly struct SeedPart
{
    private SeedPart(string? purpose, long number) => (Purpose, Number) = (purpose, number);

    internal string? Purpose { get; }
    internal long Number { get; }

    /// <summary>A purpose.</summary>
    public static implicit operator SeedPart(string purpose)
    {
        ArgumentNullException.ThrowIfNull(purpose);
        return new(purpose, 0);
    }

    /// <summary>A number.</summary>
    public static implicit operator SeedPart(long number) => new(null, number);
}
