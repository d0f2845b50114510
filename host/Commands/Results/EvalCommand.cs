using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Host.Runs;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Results;

/// <summary>kd eval RUN|WEIGHTS.</summary>
internal static class EvalCommand
{
    internal static Command Make(Screen screen)
    {
        var what = new Argument<string>("RUN|WEIGHTS")
        {
            Description = "A complete run's folder, or a weight file (.safetensors, .pth).",
        };
        var recipe = new Option<string?>("--recipe")
        {
            Description = "The recipe that says data and network; needed for a weight file that lies in no run.",
        };
        var role = new Option<string>("--role")
        {
            Description = "The role whose network it is.",
            DefaultValueFactory = _ => Roles.Student,
        };
        var source = new Option<string?>("--source")
        {
            Description = "train, validation, test, or a source of the recipe. Default: test where there is one.",
        };
        var samples = new Option<long>("--samples")
        {
            Description = "At most so many samples, spread evenly over the source and its classes; 0 for all.",
        };
        var prefix = new Option<string?>("--prefix")
        {
            Description = "What the names in a weight file begin with that are meant, or the part of a checkpoint.",
        };
        var rename = new Option<string[]>("--rename")
        {
            Description = "FROM=TO: another beginning of names; * stands for text between dots, ** for any parts.",
            HelpName = "FROM=TO",
        };
        var (set, plugins, threads) = (CommonOptions.Set(), CommonOptions.Plugins(), CommonOptions.Threads());
        var command = new Command("eval", "Evaluates a network of a run, or a weight file.")
        {
            what,
            recipe,
            role,
            source,
            samples,
            prefix,
            rename,
            set,
            plugins,
            threads,
        };
        command.SetAction(parsed =>
        {
            var place = new EvalPlace(parsed.GetRequiredValue(what), parsed.GetValue(recipe));
            place.RequireRecipe();
            using var host = PluginHost.Load(parsed.GetValue(plugins) ?? place.PluginFolder);
            var read = place.Read(host, parsed.GetValue(set) ?? []);
            host.StartTorch(parsed.GetValue(threads) ?? 0);
            foreach (var (label, weights) in place.Weights(parsed.GetValue(role)!))
            {
                var found = Preflight.Evaluate(
                    read,
                    host.Made,
                    parsed.GetValue(role)!,
                    EvalPlace.Section(
                        read,
                        parsed.GetValue(role)!,
                        weights,
                        parsed.GetValue(prefix),
                        parsed.GetValue(rename) ?? []
                    ),
                    parsed.GetValue(source),
                    Math.Max(0, parsed.GetValue(samples)),
                    screen.Warn
                );
                screen.Tell(
                    () => Json(weights, found),
                    () =>
                        $"{label}: {found.Role} on {found.Samples} samples of {found.Source}: {RunText.Metrics(found)}"
                );
            }
            return ExitCodes.Done;
        });
        return command;
    }

    private static JsonObject Json(string weights, Evaluation found)
    {
        var line = new JsonObject
        {
            ["event"] = "evaluation",
            ["weights"] = weights,
            ["role"] = found.Role,
            ["source"] = found.Source,
            ["samples"] = found.Samples,
            ["values"] = JsonDisplay.Values(found.Values),
        };
        // As in a report: counts by true and predicted class under their own name, the rest in a list.
        EvaluationJson.AddDrawings(line, found);
        return line;
    }
}
