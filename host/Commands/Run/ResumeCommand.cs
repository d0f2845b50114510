using System.CommandLine;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Run;

/// <summary>kd resume RUN.</summary>
internal static class ResumeCommand
{
    internal static Command Make(Screen screen)
    {
        var run = new Argument<string>("RUN") { Description = "The run's folder." };
        var changes = new Option<bool>("--override-changes")
        {
            Description = "Goes on although recipe, plugins, teacher or data changed; the run records it.",
        };
        var strict = new Option<bool>("--strict")
        {
            Description = "Stops where the newest checkpoint is damaged, instead of taking the newest intact one.",
        };
        var set = new Option<string[]>("--set")
        {
            Description =
                "Changes what may change in the middle of a run, such as training.epochs=20 or dataset.options.path=/moved; may be repeated.",
            HelpName = "PATH=VALUE",
        };
        var (supervised, within) = (CommonOptions.Supervised(), CommonOptions.Within());
        var (steps, plugins, threads) = (CommonOptions.MaxSteps(), CommonOptions.Plugins(), CommonOptions.Threads());
        var command = new Command("resume", "Goes on with a run that was stopped, failed or killed.")
        {
            run,
            changes,
            strict,
            set,
            supervised,
            within,
            steps,
            plugins,
            threads,
        };
        var trust = TrustOptions.AddTo(command);
        command.SetAction(parsed =>
        {
            using var supervisor = parsed.GetValue(supervised) ? Supervisor.Watch() : null;
            var folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(parsed.GetRequiredValue(run)));
            var origin = RunOrigin.Read(folder);
            origin = origin with
            {
                PluginFolder = parsed.GetValue(plugins) ?? origin.PluginFolder,
                MaxStepsPerStage = parsed.GetValue(steps) ?? origin.MaxStepsPerStage,
                Threads = parsed.GetValue(threads) ?? origin.Threads,
            };
            var resume = new ResumeOptions
            {
                OverrideContradictions = parsed.GetValue(changes),
                Strict = parsed.GetValue(strict),
            };
            using var host = PluginHost.Load(origin.PluginFolder, trust.Read(parsed));
            var settings = parsed.GetValue(set) ?? [];
            return Resume(screen, host, folder, origin, settings, resume, DataRoots.Of(parsed.GetValue(within)));
        });
        return command;
    }

    private static int Resume(
        Screen screen,
        PluginHost host,
        string folder,
        RunOrigin origin,
        IReadOnlyList<string> settings,
        ResumeOptions resume,
        DataRoots? roots
    )
    {
        // A run that died before its folder was complete has the recipe only in its origin.
        var kept = Path.Combine(folder, "recipe.json");
        var text = File.Exists(kept) ? PlainFile.ReadText(kept, NamedRecipe.MaxBytes) : origin.Recipe;
        var recipe = host.ReadResolved(text, origin.RecipeFolder);
        if (settings.Count > 0)
        {
            resume.ChangedFrom = recipe;
            recipe = host.ReadResolved(text, origin.RecipeFolder, settings);
        }
        var job = new RunJob(recipe, folder, origin.MaxStepsPerStage, resume);
        roots?.Check(job.Recipe);
        if (Experiment.Finished(job.Recipe, folder) is { } report)
        {
            if (!screen.Json)
                screen.Say("The run is done; there is nothing to go on with.");
            return job.Done(screen, report);
        }
        TellDamage(screen, folder);
        host.StartTorch(origin.Threads);
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "resume",
                    ["name"] = job.Recipe.Name,
                    ["folder"] = folder,
                },
            () => $"Going on with {job.Recipe.Name} in {folder}"
        );
        return job.Execute(screen, host);
    }

    // The run goes on without it and writes it anew.
    private static void TellDamage(Screen screen, string folder)
    {
        try
        {
            RunFolder.ReadStatus(folder);
        }
        catch (KdException e) when (e.Code == RunErrors.StatusUnreadable)
        {
            RunJob.Warn(screen, $"The status of the run cannot be read, {e.Detail} It is written anew.");
        }
    }
}
