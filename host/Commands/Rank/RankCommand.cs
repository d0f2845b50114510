using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Rank;

/// <summary>kd rank-augmentations RECIPE --candidates A,B,C.</summary>
internal static class RankCommand
{
    private static Option<string> Candidates() =>
        new("--candidates")
        {
            Description =
                "What to rank, separated by commas: augmentations by id (cutmix), several in a row (random-crop+cutout), "
                + "sections as in a recipe ({\"id\":\"cutout\",\"options\":{\"size\":16}}), each with NAME= before it if "
                + $"wanted; {CandidateText.Nothing} for none.",
            HelpName = "A,B,C",
            Required = true,
        };

    private static Option<string[]> Outcomes() =>
        new("--outcome")
        {
            Description =
                "A complete run of a student that was trained with a candidate; with two or more of them the ranking says "
                + "how well it foretold their test losses. May be repeated.",
            HelpName = "NAME=RUN",
        };

    private static Option<long> Samples() =>
        new("--samples")
        {
            Description = "Training samples per candidate: more make narrower intervals.",
            HelpName = "N",
            DefaultValueFactory = _ => new RankingOptions().Samples,
        };

    private static Option<string?> Weights() =>
        new("--teacher")
        {
            Description = "The teacher's weight file (.safetensors, .pth), where the recipe names none.",
            HelpName = "FILE",
        };

    internal static Command Make(Screen screen)
    {
        var recipe = new Argument<string>("RECIPE")
        {
            Description =
                "The recipe that says data and teacher: its file, or the name of one that 'kd recipes' lists.",
        };
        var (candidates, samples, weights, outcomes) = (Candidates(), Samples(), Weights(), Outcomes());
        var role = new Option<string>("--role")
        {
            Description = "The role that teaches.",
            DefaultValueFactory = _ => Roles.Teacher,
        };
        var (set, plugins, threads) = (CommonOptions.Set(), CommonOptions.Plugins(), CommonOptions.Threads());
        var command = new Command(
            "rank-augmentations",
            "Ranks augmentations for a teacher and its data, best first, without training a student."
        )
        {
            recipe,
            candidates,
            samples,
            weights,
            role,
            outcomes,
            set,
            plugins,
            threads,
        };
        command.SetAction(parsed =>
        {
            var texts = CandidateText.Parse(parsed.GetRequiredValue(candidates));
            var results = Outcome.Read(parsed.GetValue(outcomes) ?? [], texts);
            var teacher = parsed.GetValue(role)!;
            string[] settings =
            [
                .. parsed.GetValue(set) ?? [],
                .. parsed.GetValue(weights) is { } file
                    ? (string[])[$"models.{teacher}.weights={JsonValue.Create(Path.GetFullPath(file)).ToJsonString()}"]
                    : [],
            ];
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            var path = parsed.GetRequiredValue(recipe);
            var read = host.ReadRecipe(path, settings);
            var chains = texts.Select(t => Bind(host, path, settings, teacher, t)).ToList();
            host.StartTorch(parsed.GetValue(threads) ?? 0);
            var options = new RankingOptions
            {
                Teacher = teacher,
                Samples = parsed.GetValue(samples),
                Warned = screen.Warn,
                Measured = (name, value, seconds) => RankReport.Measured(screen, name, value, seconds),
            };
            var ranking = AugmentationRanking.Run(read, host.Catalog, chains, options);
            screen.Tell(() => RankReport.Json(ranking, results), () => RankReport.Text(ranking, results));
            return ExitCodes.Done;
        });
        return command;
    }

    // Bound as the recipe's own list would be, so that candidates are checked as strictly as recipes.
    private static RankingCandidate Bind(
        PluginHost host,
        string path,
        string[] settings,
        string role,
        CandidateText text
    )
    {
        try
        {
            var with = host.ReadRecipe(path, [.. settings, $"augmentations.{role}={text.Chain}"]);
            return new(text.Name, with.AugmentationsOf(role));
        }
        catch (RecipeException e)
        {
            var failure = e.Failures[0];
            var error = new KdException(
                failure.Code,
                $"Candidate '{text.Name}': {failure.Sentence}",
                "'kd plugins list' shows what there is, 'kd describe ID' its options.",
                e
            );
            ExitCodes.Mark(error, ExitCodes.Of(e));
            throw error;
        }
    }
}
