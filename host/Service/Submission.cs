using KdPlugins.Core;
using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service;

/// <summary>Takes runs in: reads their recipes with the plugins in use first, so that a wrong one is refused at once.</summary>
internal sealed class Submission(
    JobQueue queue,
    RecipeCheck recipes,
    IOptions<ServiceOptions> options,
    ILogger<Submission> log
)
{
    internal const int MaxRecipeBytes = 1 << 20;

    /// <summary>Checks and queues a run.</summary>
    /// <param name="request">What is wanted.</param>
    /// <param name="key">What its id begins with, from <see cref="JobQueue.NewKey"/>; null for a new one.</param>
    /// <exception cref="RecipeException">The recipe does not fit, every failure named.</exception>
    /// <exception cref="KdException"><c>KDP0907</c>: a value beside the recipe does not fit.</exception>
    internal Job Submit(JobRequest request, string? key = null)
    {
        Require(request.Recipe.Length is > 0 and <= MaxRecipeBytes, $"A recipe has 1 to {MaxRecipeBytes} characters.");
        Require(request.Priority is >= -1000 and <= 1000, "A priority is between -1000 and 1000.");
        Require(request.MaxStepsPerStage >= 0, "A number of steps is at least 0.");
        Require(request.TimeLimitSeconds is >= 0 and < 1e9, "A time limit is between 0 and 1e9 seconds.");
        Require(request.Settings.Count <= 1000, "At most 1000 settings can be given.");
        Require(request.Settings.All(s => s is not null), "A setting is a text such as training.epochs=3, not null.");
        request = request with { RecipeFolder = Folder(request.RecipeFolder) };
        var name = recipes.NameOf(request);
        var job = queue.Submit(request, name, key);
        Log.Submitted(log, job.Id, request.Source);
        return job;
    }

    private string Folder(string asked)
    {
        Require(!asked.Contains('\0'), "The recipe's folder is no path.");
        var root = options.Value.RecipeFolder.Length > 0 ? options.Value.RecipeFolder : options.Value.Data;
        var folder = Path.GetFullPath(asked, Path.GetFullPath(root));
        Require(Directory.Exists(folder), $"The recipe's folder '{folder}' does not exist.");
        return folder;
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
            throw new KdException(ServiceErrors.Refused, message);
    }
}
