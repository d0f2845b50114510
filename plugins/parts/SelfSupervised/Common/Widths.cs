using System.ComponentModel.DataAnnotations;

namespace KdPlugins.SelfSupervised;

/// <summary>The check of a projector's widths.</summary>
internal static class Widths
{
    public static IEnumerable<ValidationResult> Check(int[]? widths)
    {
        if (widths is not null && widths.Any(w => w is < 1 or > 65536))
            yield return new ValidationResult("every width must be from 1 to 65536", ["Projector"]);
    }
}
