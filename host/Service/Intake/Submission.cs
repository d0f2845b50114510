using KdPlugins.Core;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service.Intake;

/// <summary>Takes runs in: reads their recipes with the plugins in use first, so that a wrong one is refused at once.</summary>
internal sealed class Submission(
    JobQueue queue,
    RecipeCheck recipes,
    IOptions<ServiceOptions> options,
    ILogger<Submission> log
)
{
    /// <summary>The longest recipe.</summary>
    internal const int MaxRecipeBytes = NamedRecipe.MaxBytes;

    private readonly ServiceOptions _options = options.Value;
    private readonly DataRoots? _roots = DataRoots.Of(options.Value);

    /// <summary>Checks and queues a run.</summary>
    /// <param name="request">What is wanted.</param>
    /// <param name="key">What its id begins with, from <see cref="JobQueue.NewKey"/>; null for a new one.</param>
    /// <param name="gone">Whoever asked has gone: nothing is queued for nobody.</param>
    /// <exception cref="RecipeException">The recipe does not fit, every failure named.</exception>
    /// <exception cref="KdException"><c>KDP0907</c>: a value beside the recipe does not fit; <c>KDP0914</c>: a path does not.</exception>
    internal Job Submit(JobRequest request, string? key = null, CancellationToken gone = default)
    {
        Require(request.Recipe.Length is > 0 and <= MaxRecipeBytes, $"A recipe has 1 to {MaxRecipeBytes} characters.");
        Require(request.Priority is >= -1000 and <= 1000, "A priority is between -1000 and 1000.");
        Require(request.MaxStepsPerStage >= 0, "A number of steps is at least 0.");
        Require(request.TimeLimitSeconds is >= 0 and < 1e9, "A time limit is between 0 and 1e9 seconds.");
        Require(request.Settings.Count <= 1000, "At most 1000 settings can be given.");
        Require(request.Settings.All(s => s is not null), "A setting is a text such as training.epochs=3, not null.");
        var start = Folder(request.RecipeFolder);
        request = request with { RecipeFolder = start ?? Path.GetFullPath(_options.Data) };
        gone.ThrowIfCancellationRequested();
        var (name, paths) = recipes.Read(request);
        if (start is null)
            DataRoots.RequireAbsolute(paths);
        _roots?.Check(paths, request.RecipeFolder);
        gone.ThrowIfCancellationRequested();
        var job = queue.Submit(request, name, key);
        Log.Submitted(log, job.Id, request.Source);
        return job;
    }

    /// <summary>Queues the recipe of a run once more, as a run of its own, by the rules and plugins of now.</summary>
    /// <exception cref="KdException">As <see cref="Submit"/>; <c>KDP0903</c>, <c>KDP0904</c>: it cannot be had again.</exception>
    internal Job Resubmit(string id, CancellationToken gone) => Submit(queue.RequestOf(id), null, gone);

    // Null for a submission that says nothing, to a service that knows no folder either.
    private string? Folder(string asked)
    {
        Require(!asked.Contains('\0'), "The recipe's folder is no path.");
        var start = DataRoots.Start(_options);
        if (asked.Length == 0)
            return start;
        var folder = Path.GetFullPath(asked, start ?? Path.GetFullPath(_options.Data));
        // Where roots hold, whether other folders exist is nobody's business.
        Require(_roots is not null || Directory.Exists(folder), $"The recipe's folder '{folder}' does not exist.");
        return folder;
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
            throw new KdException(ServiceErrors.Refused, message);
    }
}
