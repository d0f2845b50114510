using System.ComponentModel.DataAnnotations;

namespace KdPlugins.SelfSupervised;

/// <summary>The options of <c>nt-xent</c>.</summary>
public sealed record NtXentOptions : IValidatableObject
{
    /// <summary>What similarities are divided by, tau in the paper.</summary>
    /// <value>Above 0 to 100; default 0.5.</value>
    [Range(0.0, 100.0, MinimumIsExclusive = true)]
    public double Temperature { get; init; } = 0.5;

    /// <summary>The widths of the projector's layers.</summary>
    /// <value>1 to 8 numbers from 1 to 65536; default 512, 128.</value>
    [Length(1, 8)]
    public int[] Projector { get; init; } = [512, 128];

    /// <summary>The role that learns.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Role { get; init; } = Core.Roles.Student;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) => Widths.Check(Projector);
}
