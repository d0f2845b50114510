using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>One probe: what the command line says of it, or a line of a batch.</summary>
internal sealed record ProbeCase : IValidatableObject
{
    /// <summary>The id of what is probed.</summary>
    [Required, MinLength(1)]
    public string Id { get; init; } = "";

    /// <summary>Which one, where plugins of several kinds have the id.</summary>
    [AllowedValues(null, "loss", "model", "augmentation", "generator", "strategy")]
    public string? Kind { get; init; }

    /// <summary>The name of a formula of the plugin's, which is probed instead of the plugin.</summary>
    [MinLength(1)]
    public string? Formula { get; init; }

    /// <summary>The file of the tensors; only a formula of numbers alone needs none.</summary>
    [MinLength(1)]
    public string? Input { get; init; }

    /// <summary>The file of what it gives; null to leave it at the line.</summary>
    [MinLength(1)]
    public string? Output { get; init; }

    /// <summary>train or eval.</summary>
    [AllowedValues(ProbeSettings.Train, ProbeSettings.Eval)]
    public string Mode { get; init; } = ProbeSettings.Train;

    /// <summary>The root of every random stream.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Whether every parameter and buffer has to be given.</summary>
    public bool Strict { get; init; }

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Input is null && Formula is null)
            yield return new ValidationResult("A plugin is probed on tensors.", [nameof(Input)]);
    }

    internal ProbeSettings Settings => new(Mode, Seed, Strict);

    /// <summary>A case from a line of JSON, and the plugin's options in it as JSON.</summary>
    /// <param name="line">The properties above, in camelCase, and "options", an object.</param>
    /// <param name="where">For messages.</param>
    /// <exception cref="RecipeException"><c>KDP0202</c> to <c>KDP0206</c>.</exception>
    internal static (ProbeCase Case, string Options) Parse(string line, string where)
    {
        var (rest, options) = Split(line);
        return ((ProbeCase)OptionsBinder.Bind(typeof(ProbeCase), rest, where), options);
    }

    // What cannot be split is left to the binder, which says why.
    private static (string Others, string Options) Split(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, new() { AllowDuplicateProperties = false });
            if (
                document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("options", out var options)
            )
                return (line, "{}");
            var rest = JsonObject.Create(document.RootElement)!;
            rest.Remove("options");
            return (rest.ToJsonString(), options.GetRawText());
        }
        catch (JsonException)
        {
            return (line, "{}");
        }
    }
}
