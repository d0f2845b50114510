namespace KdPlugins.Torch.Weights;

/// <summary>What happens where the dtype in a file is not that of the module. The module's dtype never changes.</summary>
public enum DTypeConversion
{
    /// <summary>A different dtype is a mismatch.</summary>
    None,

    /// <summary>Among F64, F32, F16 and BF16, values are converted (and may be rounded); the rest is a mismatch.</summary>
    Floating,

    /// <summary>Whatever libtorch can convert is converted, floating point to integer included (truncated).</summary>
    Any,
}

/// <summary>How weights are loaded into a module.</summary>
public sealed record LoadOptions
{
    /// <summary>
    /// Whether every tensor of the module must be in the file with the same shape, and nothing else in it. Default true:
    /// otherwise one exception lists all differences, and the module is untouched. False: what fits is loaded.
    /// </summary>
    public bool Strict { get; init; } = true;

    /// <summary>Turns names of the file into names of the module. Default: none.</summary>
    public NameMap Names { get; init; } = NameMap.Identity;

    /// <summary>What happens to other dtypes. Default <see cref="DTypeConversion.Floating"/>.</summary>
    public DTypeConversion Conversion { get; init; } = DTypeConversion.Floating;

    /// <summary>
    /// Whether NaN and infinity are refused (KDP0554), but for tensors that have some in the module, too. Default false: they
    /// are valid values.
    /// </summary>
    public bool RefuseNonFinite { get; init; }
}
