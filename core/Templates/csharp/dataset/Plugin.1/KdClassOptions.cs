using System.ComponentModel.DataAnnotations;

namespace Plugin._1;

/// <summary>The options of <c>plugin-id-1</c>.</summary>
public sealed record KdClassOptions
{
    /// <summary>Images of the split <c>train</c>.</summary>
    /// <value>1 to 10,000,000; default 2048.</value>
    [Range(1, 10_000_000)]
    public int Train { get; init; } = 2048;

    /// <summary>Images of the split <c>test</c>.</summary>
    /// <value>1 to 10,000,000; default 512.</value>
    [Range(1, 10_000_000)]
    public int Test { get; init; } = 512;

    /// <summary>Height and width in pixels.</summary>
    /// <value>8 to 512; default 32.</value>
    [Range(8, 512)]
    public int Size { get; init; } = 32;

    /// <summary>Which images are drawn.</summary>
    /// <value>Any number; default 0.</value>
    public long Seed { get; init; }
}
