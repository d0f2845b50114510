using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Torch;
using TorchSharp;

namespace KdPlugins.Host.Commands;

/// <summary>The plugins of a command, and libtorch, which starts while the plugin folder is inspected.</summary>
internal sealed class PluginHost : IDisposable
{
    private readonly Task<NativeInfo> _native = Task.Run(NativeRuntime.Start);

    private readonly MadePlugins _made;

    private PluginHost(string? folder, LoaderOptions options)
    {
        Catalog = FolderPluginCatalog.Load(
            folder ?? FolderPluginCatalog.DefaultRoot,
            options with
            {
                BeforeFirstInstance = () => _native.GetAwaiter().GetResult(),
            }
        );
        _made = new(Catalog);
    }

    internal FolderPluginCatalog Catalog { get; }

    /// <summary>The catalog for carrying out a recipe that was read here: with the plugins that it was checked with.</summary>
    internal IPluginCatalog Made => _made;

    /// <summary>Loads a plugin folder; null for the default, and for what the environment says of trust.</summary>
    internal static PluginHost Load(string? folder, LoaderOptions? options = null) =>
        new(folder, options ?? TrustOptions.FromEnvironment());

    /// <summary>Waits for libtorch and sets its number of threads; 0 for one per processor.</summary>
    /// <exception cref="KdException"><c>KDP0001</c>: there is no usable libtorch.</exception>
    internal NativeInfo StartTorch(int threads)
    {
        var info = _native.GetAwaiter().GetResult();
        torch.set_num_threads(threads > 0 ? threads : Environment.ProcessorCount);
        return info;
    }

    /// <summary>Tells of plugins that are not used because another one has their id, which somebody may not have meant.</summary>
    internal void WarnOfReplaced(Screen screen)
    {
        foreach (var finding in Catalog.Statuses.Select(s => s.Reason).OfType<Finding>())
            if (finding.Code == HostErrors.DuplicateId)
                screen.Tell(() => Warning(finding), () => $"warning: {finding}");
    }

    /// <summary>Reads a recipe; a plugin that was refused is told from one that nobody has.</summary>
    /// <param name="recipe">Its file, or the name of one that came with a plugin.</param>
    /// <param name="settings">Replacements of values.</param>
    internal Recipe ReadRecipe(string recipe, IEnumerable<string> settings) =>
        ReadRecipe(RecipePlace.Find(recipe, Catalog), settings);

    /// <summary>The same of one that is found.</summary>
    internal Recipe ReadRecipe(RecipePlace place, IEnumerable<string> settings)
    {
        var overrides = RecipeOverrides.WithEnvironment(settings);
        return Judged(() => RecipeReader.ReadFile(place.Path, place.Folder, overrides, Made));
    }

    /// <summary>Reads a recipe that a run kept, with or without changes.</summary>
    internal Recipe ReadResolved(string text, string folder, IEnumerable<string>? settings = null) =>
        Judged(() =>
            RecipeReader.ReadText(
                text,
                folder,
                settings is null
                    ? RecipeOverrides.None
                    : new RecipeOverrides(settings, new Dictionary<string, string>()),
                Made
            )
        );

    public void Dispose()
    {
        _made.Dispose();
        Catalog.Dispose();
        // The process must not end while another thread loads libraries.
        _native.ContinueWith(t => _ = t.Exception, TaskScheduler.Default).Wait();
    }

    private static JsonObject Warning(Finding finding)
    {
        var line = PluginReport.Json(finding);
        line["event"] = "warning";
        return line;
    }

    /// <summary>Reads recipes; a plugin that was refused is told from one that nobody has.</summary>
    internal T Judged<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (RecipeException e) when (e.Failures.Any(IsRefusal))
        {
            ExitCodes.Mark(e, ExitCodes.PluginRefused);
            throw;
        }
    }

    private bool IsRefusal(RecipeFailure failure) =>
        failure.Code == RecipeErrors.PluginUnknown
        && Catalog.Statuses.Any(s => s.State != PluginState.Active && failure.Found.Contains($"'{s.Id}'"));
}
