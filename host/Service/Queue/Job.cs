using System.Text.Json.Serialization;

namespace KdPlugins.Host.Service.Queue;

/// <summary>Where a run stands in the queue.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JobState>))]
public enum JobState
{
    /// <summary>It waits for a worker, for the first time or for the next attempt.</summary>
    Queued,

    /// <summary>A worker is at it.</summary>
    Running,

    /// <summary>It ran to its end.</summary>
    Done,

    /// <summary>It ended with an error that another attempt would not mend, or used its attempts up.</summary>
    Failed,

    /// <summary>Somebody took it back.</summary>
    Cancelled,
}

/// <summary>What somebody wants run.</summary>
/// <param name="Recipe">The recipe's text.</param>
/// <param name="RecipeFolder">What relative paths in it start at; absolute.</param>
/// <param name="Settings">Replacements such as <c>training.epochs=3</c>.</param>
/// <param name="MaxStepsPerStage">At most so many steps per stage, 0 for no limit.</param>
/// <param name="Priority">Higher goes first; -1000 to 1000.</param>
/// <param name="TimeLimitSeconds">The most it may run, over all attempts; 0 for no limit.</param>
/// <param name="Source">Where it came from: api, inbox or cli.</param>
public sealed record JobRequest(
    string Recipe,
    string RecipeFolder,
    IReadOnlyList<string> Settings,
    long MaxStepsPerStage,
    int Priority,
    double TimeLimitSeconds,
    string Source
);

/// <summary>A run of the queue. Immutable: a row as it was read.</summary>
/// <param name="Id">Its name everywhere; also its folder's.</param>
/// <param name="Number">Its place in the order of submission, from 1.</param>
/// <param name="Name">The recipe's name.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Priority">Higher goes first.</param>
/// <param name="Submitted">When it was submitted.</param>
/// <param name="NotBefore">No attempt before this; null for at once.</param>
/// <param name="Started">When the first attempt began.</param>
/// <param name="Ended">When it came to an end.</param>
/// <param name="Attempts">Attempts that were begun.</param>
/// <param name="Failures">Failed attempts since the last new checkpoint.</param>
/// <param name="RanSeconds">The time that attempts took so far.</param>
/// <param name="TimeLimitSeconds">The most they may take; 0 for no limit.</param>
/// <param name="Device">The device of the latest attempt.</param>
/// <param name="PluginSet">The plugins it began with, and goes on with.</param>
/// <param name="ExitCode">The latest attempt's exit code.</param>
/// <param name="Message">One line for people: why it waits, or how it ended.</param>
/// <param name="Source">Where it came from.</param>
/// <param name="CancelRequested">Whether somebody took it back while it runs.</param>
public sealed record Job(
    string Id,
    long Number,
    string Name,
    JobState State,
    int Priority,
    DateTimeOffset Submitted,
    DateTimeOffset? NotBefore,
    DateTimeOffset? Started,
    DateTimeOffset? Ended,
    int Attempts,
    int Failures,
    double RanSeconds,
    double TimeLimitSeconds,
    string? Device,
    string? PluginSet,
    int? ExitCode,
    string Message,
    string Source,
    bool CancelRequested
)
{
    /// <summary>Whether nothing more will happen to it.</summary>
    public bool IsOver => State is JobState.Done or JobState.Failed or JobState.Cancelled;
}

/// <summary>A page of the queue, newest first.</summary>
/// <param name="Items">The runs.</param>
/// <param name="Total">How many runs fit the question, on all pages.</param>
/// <param name="Next">Where the next page begins; null on the last.</param>
public sealed record JobPage(IReadOnlyList<Job> Items, long Total, long? Next);
