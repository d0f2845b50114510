using KdPlugins.Core;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>Reads recipes with the plugins in use; those of plugins that are not run here in a process of their own.</summary>
internal sealed class RecipeCheck(PluginSets plugins, IOptions<ServiceOptions> options)
{
    /// <summary>The name of a recipe that fits.</summary>
    /// <exception cref="RecipeException">It does not fit, every failure named.</exception>
    /// <exception cref="KdException">As the process said that read it.</exception>
    internal string NameOf(JobRequest request)
    {
        try
        {
            return plugins.Use(catalog => Read(request, catalog));
        }
        catch (RecipeException e) when (e.Failures.Any(f => f.Code == HostErrors.HeldBack))
        {
            return ReadApart(request);
        }
    }

    // Apart, so that nothing of the catalog stays on the caller's stack.
    private static string Read(JobRequest request, IPluginCatalog catalog) =>
        RecipeReader
            .ReadText(
                request.Recipe,
                request.RecipeFolder,
                new RecipeOverrides(request.Settings, new Dictionary<string, string>()),
                catalog
            )
            .Name;

    private string ReadApart(JobRequest request)
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
                .. request.RecipeFolder.Length > 0 ? (string[])["--recipe-folder", request.RecipeFolder] : [],
                .. request.Settings.SelectMany(s => (string[])["--set", s]),
                "--plugins",
                lease.Folder,
            ];
            var answer = new PluginProcess(options.Value).Ask(arguments, default).GetAwaiter().GetResult();
            return answer switch
            {
                null => throw Refused("its plugins did not let it be read in time."),
                { ExitCode: 0 } when answer.Said("recipe") is { } read => (string)read["name"]!,
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
