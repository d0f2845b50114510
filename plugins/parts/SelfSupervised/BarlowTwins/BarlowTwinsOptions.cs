using System.ComponentModel.DataAnnotations;

namespace KdPlugins.SelfSupervised;

/// <summary>The options of <c>barlow-twins</c>.</summary>
public sealed record BarlowTwinsOptions : IValidatableObject
{
    /// <summary>The weight of the redundancy term, lambda in the paper.</summary>
    /// <value>0 to 10; default 0.0051.</value>
    [Range(0.0, 10.0)]
    public double Redundancy { get; init; } = 0.0051;

    /// <summary>The widths of the projector's layers.</summary>
    /// <value>1 to 8 numbers from 1 to 65536; default 8192, 8192, 8192.</value>
    [Length(1, 8)]
    public int[] Projector { get; init; } = [8192, 8192, 8192];

    /// <summary>The role that learns.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Role { get; init; } = Core.Roles.Student;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) => Widths.Check(Projector);
}
