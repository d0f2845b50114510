using System.ComponentModel.DataAnnotations;

namespace KdPlugins.GoodDaKd;

/// <summary>The options of <c>cut-mix-pick</c>.</summary>
public sealed record CutMixPickOptions : PickOptions
{
    /// <summary>R: the pool to pick from is made of so many independent CutMixes of the batch.</summary>
    /// <value>2 to 64; default 2, as published.</value>
    [Range(2, 64)]
    public int Rounds { get; init; } = 2;
}
