using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>fsp</c>.</summary>
public sealed record FspOptions() : FeatureOptions("stem", "layer1", "layer2", "layer3")
{
    /// <summary>Refuses a single tap, which flows nowhere.</summary>
    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        Taps.Count > 1
            ? base.Validate(validationContext)
            :
            [
                new ValidationResult(
                    "There have to be two at least: flow is between one and the next.",
                    [nameof(Taps)]
                ),
            ];
}
