using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>The norm of a block.</summary>
public enum BlockNorm
{
    /// <summary>Batch norm with scale and shift.</summary>
    Batch,

    /// <summary>Instance norm with scale and shift.</summary>
    Instance,

    /// <summary>No norm.</summary>
    None,
}

/// <summary>The pooling that ends a block; it halves height and width.</summary>
public enum BlockPooling
{
    /// <summary>The mean of 2x2 pixels.</summary>
    Average,

    /// <summary>The greatest of 2x2 pixels.</summary>
    Max,
}

/// <summary>Whose names the parameters of a ConvNet bear.</summary>
public enum ConvNetNaming
{
    /// <summary><c>layers.N.block.0</c>, <c>layers.N.block.1</c> and <c>fc</c>.</summary>
    Blocks,

    /// <summary><c>features.N</c>, counted through all operations, and <c>classifier</c>.</summary>
    Features,
}

/// <summary>The options of <c>convnet</c>.</summary>
public sealed record ConvNetOptions : IValidatableObject
{
    /// <summary>Output channels of the blocks, first to last.</summary>
    /// <value>1 to 6 numbers from 1 to 4096; default 128, 256, 512.</value>
    [Length(1, 6)]
    public int[] Widths { get; init; } = [128, 256, 512];

    /// <summary>The norm between convolution and ReLU.</summary>
    /// <value><c>batch</c>, <c>instance</c> or <c>none</c>; default <c>batch</c>.</value>
    public BlockNorm Norm { get; init; } = BlockNorm.Batch;

    /// <summary>The pooling behind the ReLU.</summary>
    /// <value><c>average</c> or <c>max</c>; default <c>average</c>.</value>
    public BlockPooling Pooling { get; init; } = BlockPooling.Average;

    /// <summary>Whose names the parameters bear; matters for weights only.</summary>
    /// <value><c>blocks</c> or <c>features</c>; default <c>blocks</c>.</value>
    public ConvNetNaming Naming { get; init; } = ConvNetNaming.Blocks;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Widths is not null && Widths.Any(width => width is < 1 or > 4096))
            yield return new ValidationResult("every width must be from 1 to 4096", [nameof(Widths)]);
    }
}
