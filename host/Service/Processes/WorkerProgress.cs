using System.Text.Json;
using System.Text.Json.Nodes;

namespace KdPlugins.Host.Service.Processes;

/// <summary>What a worker has said last, for people who look at a run while it goes on.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Step">Steps done in it.</param>
/// <param name="TotalSteps">Steps it takes.</param>
/// <param name="ImagesPerSecond">The rate.</param>
/// <param name="SecondsLeft">Until the stage's end; null where unknown.</param>
/// <param name="Seed">The seed that runs.</param>
internal sealed record WorkerProgress(
    string Stage,
    long Step,
    long TotalSteps,
    double ImagesPerSecond,
    double? SecondsLeft,
    long? Seed
)
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    internal static WorkerProgress None { get; } = new("", 0, 0, 0, null, null);

    /// <summary>The progress after a line of a worker.</summary>
    internal WorkerProgress After(JsonObject line) =>
        (string?)line["event"] switch
        {
            "run" => this with { Seed = (long?)line["seed"] },
            "stage" or "step" => this with
            {
                Stage = (string?)line["stage"] ?? "",
                Step = (long?)line["step"] ?? 0,
                TotalSteps = (long?)line["totalSteps"] ?? 0,
                ImagesPerSecond = Number(line["imagesPerSecond"]) ?? ImagesPerSecond,
                SecondsLeft = Number(line["secondsLeft"]),
            },
            _ => this,
        };

    /// <summary>The object on a line, whose event is a text; null for anything else.</summary>
    internal static JsonObject? Parse(string line)
    {
        if (line.Length == 0 || line[0] != '{')
            return null;
        try
        {
            return
                JsonNode.Parse(line, documentOptions: Strict) is JsonObject found
                && found["event"] is JsonValue said
                && said.TryGetValue<string>(out _)
                ? found
                : null;
        }
        // A text with half of a surrogate pair is found to be none only when it is asked for.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static double? Number(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<double>(out var number) ? number : null;
}

/// <summary>How an attempt ended.</summary>
/// <param name="ExitCode">The process's exit code; above 128 for signals.</param>
/// <param name="Why">Why the service ended it; None where it ended by itself.</param>
/// <param name="Message">The failure that it named; empty for none.</param>
/// <param name="Progressed">Whether it saved a checkpoint.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Farewell">
/// The event it took its leave with: done or stopped. Empty where it said neither: then an exit code of its plugins' making
/// says nothing about the run.
/// </param>
internal sealed record WorkerEnd(
    int ExitCode,
    EndReason Why,
    string Message,
    bool Progressed,
    double Seconds,
    string Farewell = ""
);

/// <summary>Why the service ended an attempt.</summary>
internal enum EndReason
{
    /// <summary>It did not.</summary>
    None,

    /// <summary>The service ends.</summary>
    Drain,

    /// <summary>Somebody took the run back.</summary>
    Cancel,

    /// <summary>The run's time is used up.</summary>
    TimeLimit,

    /// <summary>The worker took too much memory.</summary>
    Memory,

    /// <summary>The worker said nothing for too long.</summary>
    Stall,

    /// <summary>The disk is nearly full.</summary>
    Disk,
}
