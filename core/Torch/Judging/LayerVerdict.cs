using System.Text.Json.Serialization;

namespace KdPlugins.Torch;

/// <summary>An answer of a layer that is not that of double precision.</summary>
/// <param name="Answer"><c>output</c>, <c>input gradient</c>, <c>weight gradient</c> or <c>bias gradient</c>.</param>
/// <param name="Off">How far off its furthest value is, as a share of the largest right one; infinity where it is not finite.</param>
public sealed record LayerFault(
    string Answer,
    [property: JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)] double Off
);

/// <summary>What was found of a layer's shape.</summary>
/// <param name="Faults">The wrong answers among those that are needed.</param>
/// <param name="Ended">How it ended the process that tried it; null where it did not.</param>
public sealed record LayerVerdict(IReadOnlyList<LayerFault> Faults, string? Ended = null)
{
    /// <summary>Whether all is right.</summary>
    [JsonIgnore]
    public bool IsRight => Faults.Count == 0 && Ended is null;
}
