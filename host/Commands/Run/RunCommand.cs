using System.CommandLine;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Run;

/// <summary>kd run RECIPE.</summary>
internal static class RunCommand
{
    internal static Command Make(Screen screen, string[] args)
    {
        var recipe = new Argument<string>("RECIPE") { Description = RecipePlace.Description };
        var output = new Option<string?>("--out")
        {
            Description = "The run's folder, new or empty. Default: runs/<name>-<time>.",
            HelpName = "DIR",
        };
        // For the service: a queued recipe lies elsewhere than its author kept it.
        var recipeFolder = new Option<string?>("--recipe-folder")
        {
            Description = "What relative paths in the recipe start at. Default: the recipe's own folder.",
            HelpName = "DIR",
        };
        var (supervised, within) = (CommonOptions.Supervised(), CommonOptions.Within());
        var (set, steps) = (CommonOptions.Set(), CommonOptions.MaxSteps());
        var (plugins, threads) = (CommonOptions.Plugins(), CommonOptions.Threads());
        var command = new Command("run", "Carries out a recipe from its beginning to the report.")
        {
            recipe,
            output,
            recipeFolder,
            supervised,
            within,
            set,
            steps,
            plugins,
            threads,
        };
        var trust = TrustOptions.AddTo(command);
        command.SetAction(parsed =>
        {
            using var supervisor = parsed.GetValue(supervised) ? Supervisor.Watch() : null;
            using var host = PluginHost.Load(parsed.GetValue(plugins), trust.Read(parsed));
            var place = RecipePlace.Find(parsed.GetRequiredValue(recipe), host.Catalog);
            var origin = new RunOrigin(
                place.Path,
                parsed.GetValue(recipeFolder) is { } from ? Path.GetFullPath(from) : place.Folder,
                "",
                parsed.GetValue(plugins) is { } named ? Path.GetFullPath(named) : null,
                parsed.GetValue(steps) ?? 0,
                parsed.GetValue(threads) ?? Environment.ProcessorCount,
                args
            );
            return Start(
                screen,
                host,
                origin,
                parsed.GetValue(set) ?? [],
                parsed.GetValue(output),
                DataRoots.Of(parsed.GetValue(within))
            );
        });
        return command;
    }

    private static int Start(
        Screen screen,
        PluginHost host,
        RunOrigin origin,
        string[] settings,
        string? output,
        DataRoots? roots
    )
    {
        var recipe = host.ReadRecipe(new RecipePlace(origin.RecipePath, origin.RecipeFolder), settings);
        roots?.Check(recipe);
        var folder = output is null ? DefaultFolder(recipe.Name) : Path.GetFullPath(output);
        RequireUnused(folder);
        host.WarnOfReplaced(screen);
        var native = host.StartTorch(origin.Threads);
        (origin with { Recipe = recipe.ToResolvedJson() }).Create(folder, native);
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "start",
                    ["name"] = recipe.Name,
                    ["folder"] = folder,
                },
            () => $"{recipe.Name} in {folder}"
        );
        return new RunJob(recipe, folder, origin.MaxStepsPerStage, new()).Execute(screen, host);
    }

    private static string DefaultFolder(string name)
    {
        var first = Path.GetFullPath(
            Path.Combine("runs", $"{name}-{TimeProvider.System.GetLocalNow():yyyyMMdd-HHmmss}")
        );
        return Enumerable
            .Range(1, int.MaxValue)
            .Select(n => n == 1 ? first : $"{first}-{n}")
            .First(path => !Directory.Exists(path));
    }

    private static void RequireUnused(string folder)
    {
        if (File.Exists(folder))
            throw InUse($"'{folder}' is a file.");
        if (!Directory.Exists(folder))
            return;
        if (RunFolder.Exists(folder) || File.Exists(Path.Combine(folder, RunOrigin.FileName)))
            throw new KdException(RunErrors.RunExists, $"'{folder}' holds a run already.");
        if (Directory.EnumerateFileSystemEntries(folder).Any())
            throw InUse($"'{folder}' has other things in it.");
    }

    private static KdException InUse(string detail)
    {
        var error = new KdException(CommandErrors.FolderInUse, detail);
        ExitCodes.Mark(error, ExitCodes.Folder);
        return error;
    }
}
