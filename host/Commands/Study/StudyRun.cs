using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Host.Runs;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>What became of a run of a study.</summary>
internal enum StudyRunState
{
    /// <summary>There is none yet.</summary>
    Missing,

    /// <summary>It can be gone on with.</summary>
    Unfinished,

    /// <summary>It is complete.</summary>
    Done,

    /// <summary>It is of another recipe, or under another limit.</summary>
    Changed,

    /// <summary>It ended with a failure just now.</summary>
    Failed,

    /// <summary>It was stopped just now.</summary>
    Stopped,
}

/// <summary>A run of a study, and what lies in its folder.</summary>
internal sealed class StudyRun(PlannedRun plan)
{
    internal PlannedRun Plan { get; } = plan;

    internal StudyRunState State { get; set; }

    /// <summary>Why it is changed, or how it failed; empty else.</summary>
    internal string Message { get; set; } = "";

    /// <summary>The exit code of a run that failed.</summary>
    internal int ExitCode { get; set; }

    /// <summary>The report of a run that is done; null else.</summary>
    internal JsonObject? Report { get; private set; }

    /// <summary>Whether this command is to run it.</summary>
    internal bool IsWanted { get; set; }

    /// <summary>Looks into its folder. maxSteps: the limit that it is to have.</summary>
    /// <exception cref="KdException"><c>KDP0803</c>: origin.json cannot be used.</exception>
    internal void Look(long maxSteps)
    {
        (State, Message, Report) = (StudyRunState.Missing, "", null);
        var folder = Plan.Folder;
        if (!File.Exists(Path.Combine(folder, RunOrigin.FileName)) && !RunFolder.Exists(folder))
            return;
        var origin = RunOrigin.Read(folder);
        var kept = Path.Combine(folder, "recipe.json");
        var has = File.Exists(kept) ? PlainFile.ReadText(kept, NamedRecipe.MaxBytes) : origin.Recipe;
        var wanted = Plan.Recipe.ToResolvedJson();
        if (has != wanted)
            (State, Message) = (StudyRunState.Changed, RecipeDifference.First(has, wanted));
        else if (origin.MaxStepsPerStage != maxSteps)
            (State, Message) = (
                StudyRunState.Changed,
                $"--max-steps-per-stage was {origin.MaxStepsPerStage}, now it is {maxSteps}"
            );
        else if (IsDone(folder))
            (State, Report) = (StudyRunState.Done, TryReport(folder));
        else
            State = StudyRunState.Unfinished;
        if (State == StudyRunState.Done && Report is null)
            State = StudyRunState.Unfinished;
    }

    private static bool IsDone(string folder)
    {
        try
        {
            return RunFolder.ReadStatus(folder)?.State == RunState.Done;
        }
        // A resume writes it anew.
        catch (KdException e) when (e.Code == RunErrors.StatusUnreadable)
        {
            return false;
        }
    }

    // A damaged report is made anew by a resume.
    private static JsonObject? TryReport(string folder)
    {
        try
        {
            return ReportFile.Read(folder);
        }
        catch (KdException)
        {
            return null;
        }
    }
}

/// <summary>Where two resolved recipes differ.</summary>
internal static class RecipeDifference
{
    /// <summary>The first place, with both values, such as "training.epochs was 10, now it is 20".</summary>
    internal static string First(string had, string has)
    {
        try
        {
            return Of("", JsonNode.Parse(had), JsonNode.Parse(has)) ?? "the recipe is written otherwise";
        }
        catch (JsonException)
        {
            return "its recipe.json is damaged";
        }
    }

    private static string? Of(string path, JsonNode? had, JsonNode? has) =>
        (had, has) switch
        {
            (JsonObject a, JsonObject b) => a.Select(m => m.Key)
                .Union(b.Select(m => m.Key))
                .Select(key => Of(path.Length == 0 ? key : $"{path}.{key}", a[key], b[key]))
                .FirstOrDefault(found => found is not null),
            (JsonArray a, JsonArray b) when a.Count == b.Count => Enumerable
                .Range(0, a.Count)
                .Select(i => Of($"{path}[{i}]", a[i], b[i]))
                .FirstOrDefault(found => found is not null),
            _ when JsonNode.DeepEquals(had, has) => null,
            _ => $"{path} was {Text(had)}, now it is {Text(has)}",
        };

    private static string Text(JsonNode? value)
    {
        var text = value?.ToJsonString() ?? "nothing";
        return text.Length <= 80 ? text : text[..77] + "...";
    }
}
