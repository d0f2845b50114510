using KdPlugins.Core;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>What a submission needs to know of a recipe.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Paths">The files and folders that it names.</param>
internal sealed record RecipeSummary(string Name, IReadOnlyList<NamedPath> Paths);

/// <summary>Reads recipes with the plugins in use; those of plugins that are not run here in a process of their own.</summary>
internal sealed class RecipeCheck(PluginSets plugins, IOptions<ServiceOptions> options)
{
    /// <summary>A recipe that fits.</summary>
    /// <exception cref="RecipeException">It does not fit, every failure named.</exception>
    /// <exception cref="KdException">As the process said that read it.</exception>
    internal RecipeSummary Read(JobRequest request)
    {
        try
        {
            return plugins.Use(catalog => ReadHere(request, catalog));
        }
        catch (RecipeException e) when (e.Failures.Any(f => f.Code == HostErrors.HeldBack))
        {
            return ReadApart(request);
        }
    }

    // Apart, so that nothing of the catalog stays on the caller's stack.
    private static RecipeSummary ReadHere(JobRequest request, IPluginCatalog catalog)
    {
        var recipe = RecipeReader.ReadText(
            request.Recipe,
            request.RecipeFolder,
            new RecipeOverrides(request.Settings, new Dictionary<string, string>()),
            catalog
        );
        return new(recipe.Name, recipe.Paths);
    }

    private RecipeSummary ReadApart(JobRequest request)
    {
        using var lease = plugins.Lease(null);
        var file = Path.Combine(Path.GetTempPath(), $"kd-recipe-{Path.GetRandomFileName()}.json");
        File.WriteAllText(file, request.Recipe);
        try
        {
            IEnumerable<string> arguments =
            [
                "resolve",
                file,
                "--recipe-folder",
                request.RecipeFolder,
                .. request.Settings.SelectMany(s => (string[])["--set", s]),
                "--plugins",
                lease.Folder,
            ];
            var answer = new PluginProcess(options.Value).Ask(arguments, default).GetAwaiter().GetResult();
            return answer switch
            {
                null => throw Refused("its plugins did not let it be read in time."),
                { ExitCode: 0 } when answer.Said("recipe") is { } read => new(
                    (string)read["name"]!,
                    [.. read["paths"]!.AsArray().Select(p => new NamedPath((string)p!["key"]!, (string)p["text"]!))]
                ),
                _ when answer.Said("error") is { } error => throw Again(
                    (string)error["code"]!,
                    (string)error["message"]!
                ),
                _ => throw Refused($"reading it with its plugins ended with exit code {answer.ExitCode}."),
            };
        }
        finally
        {
            File.Delete(file);
        }
    }

    // As the process has said it, code and remedy included.
    private static KdException Again(string code, string message) =>
        new(
            new ErrorCode(code, "a recipe does not fit", ""),
            message.StartsWith(code, StringComparison.Ordinal) ? message[code.Length..].Trim() : message,
            ""
        );

    private static KdException Refused(string why) => new(ServiceErrors.Refused, $"The recipe cannot be taken: {why}");
}
