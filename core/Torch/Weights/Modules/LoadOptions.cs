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

    /// <summary>
    /// What the names that are meant begin with, such as <c>student.</c> (the last dot may be left out): it is cut from them, and
    /// the rest of the file is not looked at. In a PyTorch file it may begin with the part of a checkpoint, such as
    /// <c>model_ema</c>. Default null: the whole file.
    /// </summary>
    public string? Prefix { get; init; }

    /// <summary>
    /// Whether what all names of the file begin with, such as the <c>module.</c> of DataParallel, the <c>_orig_mod.</c> of
    /// torch.compile or the <c>model.</c> of Lightning, is cut where more names then fit. Default false.
    /// </summary>
    public bool Unwrap { get; init; }

    /// <summary>Turns names of the file into names of the module, after prefixes. Default: none.</summary>
    public NameMap Names { get; init; } = NameMap.Identity;

    /// <summary>
    /// The classes of the network where its head may be another than the file's, else 0 (the default). Tensors whose first dimension
    /// is this number, and another one in the file, keep what they hold; so do those of one layer that the file lacks.
    /// </summary>
    public long ReplaceHead { get; init; }

    /// <summary>What happens to other dtypes. Default <see cref="DTypeConversion.Floating"/>.</summary>
    public DTypeConversion Conversion { get; init; } = DTypeConversion.Floating;

    /// <summary>
    /// Whether NaN and infinity are refused (KDP0554), but for tensors that have some in the module, too. Default false: they
    /// are valid values.
    /// </summary>
    public bool RefuseNonFinite { get; init; }
}
