using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Service.Api;

/// <summary>Why a run failed, and what to do.</summary>
/// <param name="Code">The stable code; null where none was named.</param>
/// <param name="Title">The failure in a few words.</param>
/// <param name="Message">What was found, without code and remedy.</param>
/// <param name="Remedy">What to do.</param>
/// <param name="ExitCode">The worker's exit code.</param>
internal sealed record Failure(string? Code, string Title, string Message, string Remedy, int? ExitCode);

/// <summary>Reads failures out of runs: by the code that the message begins with, else by the way the worker ended.</summary>
internal static partial class FailureAdvice
{
    private const int Killed = 137;
    private const int Aborted = 134;
    private const int Segfault = 139;

    private static readonly Dictionary<string, ErrorCode> Catalogue = (
        (IReadOnlyList<ErrorCode>[])
            [
                TorchErrors.All,
                OptimErrors.All,
                WeightErrors.All,
                CoreErrors.All,
                RecipeErrors.All,
                DataErrors.All,
                RunErrors.All,
                StudyErrors.All,
                TrainingErrors.All,
                PluginErrors.All,
                HostErrors.All,
                CommandErrors.All,
                ServiceErrors.All,
            ]
    )
        .SelectMany(all => all)
        .DistinctBy(c => c.Id)
        .ToDictionary(c => c.Id);

    /// <summary>Every entry of the product's catalogues, by code.</summary>
    internal static IEnumerable<ErrorCode> Entries => Catalogue.Values.OrderBy(e => e.Id, StringComparer.Ordinal);

    /// <summary>The catalogue entry of a code; null for none.</summary>
    internal static ErrorCode? Entry(string? code) => code is null ? null : Catalogue.GetValueOrDefault(code);

    /// <summary>The failure of a run that failed, or that waits for another attempt after one; null for others.</summary>
    internal static Failure? Of(Job job)
    {
        if (job.State != JobState.Failed && (job.State != JobState.Queued || job.Failures == 0))
            return null;
        var code = Code().Match(job.Message) is { Success: true } match ? match.Groups[1].Value : null;
        var entry = Entry(code);
        var message = job.Message[(code?.Length ?? 0)..];
        if (entry is not null)
            message = message.Replace(entry.Remedy, "").Replace("  ", " ");
        // How a worker ended says more than that it did.
        var (title, remedy) =
            entry is null || entry == ServiceErrors.WorkerEnded ? ByEnd(job) : (entry.Title, entry.Remedy);
        return new(code, title, message.Trim(), remedy, job.ExitCode);
    }

    private static (string Title, string Remedy) ByEnd(Job job) =>
        job.ExitCode switch
        {
            ExitCodes.BadRecipe => (
                "the recipe does not fit",
                "Correct what is named above ('kd check' tries a recipe without running it) and submit it again."
            ),
            ExitCodes.PluginRefused => (
                "a plugin that is needed was refused",
                "Look at the plugins' states; mend or remove what is named there, then submit the run again."
            ),
            ExitCodes.Damaged => (
                "data, weights or a checkpoint are damaged",
                "Restore the file that is named from a copy, then submit the run again."
            ),
            ExitCodes.Diverged => (
                "the training diverged",
                "Lower training.optimiser.learningRate, or look at the data for values that are not finite."
            ),
            ExitCodes.Folder => (
                "a disk is full or a folder cannot be used",
                "Make room or set the permissions, then submit the run again."
            ),
            ExitCodes.Interrupted or ExitCodes.Terminated when job.TimeLimitSeconds > 0 => (
                "the time limit is used up",
                "Submit the recipe with a longer time limit, or with fewer epochs."
            ),
            Killed => (
                "the worker was killed",
                "Most often the machine has no memory left: lower training.batchSize or the model's size, or run fewer workers."
            ),
            Segfault or Aborted => (
                "the worker crashed in native code",
                "Look at the end of the log for the plugin at work; try the run without it, or with another version of it."
            ),
            _ => ("the worker failed", "Look at the end of the log; mend what it names and submit the run again."),
        };

    [GeneratedRegex("^(KDP[0-9]{4})\\b")]
    private static partial Regex Code();
}
