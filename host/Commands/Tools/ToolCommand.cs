using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Results;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Tools;

/// <summary>kd TOOL RECIPE: the command that a plugin contributes.</summary>
internal static class ToolCommand
{
    /// <summary>The command of a tool. host: its plugins, for as long as the command may be run.</summary>
    /// <exception cref="KdException"><c>KDP0382</c>: the tool has an option that every command has.</exception>
    internal static Command Make(Screen screen, PluginHost host, PluginDescriptor tool)
    {
        var recipe = new Argument<string>("RECIPE") { Description = RecipePlace.Description };
        var (set, plugins, threads) = (CommonOptions.Set(), CommonOptions.Plugins(), CommonOptions.Threads());
        var options = new ToolOptions(tool);
        var command = new Command(tool.Id, tool.Description) { recipe };
        foreach (var option in options.All)
            command.Add(option);
        foreach (var option in (Option[])[set, plugins, threads])
            command.Add(option);
        if (Taken(options.All) is { } taken)
            throw new KdException(
                CoreErrors.ToolFault,
                $"The tool '{tool.Id}' has an option '{taken}', which every command has."
            );
        command.SetAction(parsed =>
        {
            var place = RecipePlace.Find(parsed.GetRequiredValue(recipe), host.Catalog);
            using var stop = StopRequest.Listen(() => screen.Warn("Stops after this step."));
            var session = new ToolSession(
                host.Catalog,
                settings => host.ReadRecipe(place, [.. parsed.GetValue(set) ?? [], .. settings])
            )
            {
                Told = output => Tell(screen, output),
                Warned = screen.Warn,
                Report = ReportFile.Read,
                Cancellation = stop.Token,
            };
            host.StartTorch(parsed.GetValue(threads) ?? 0);
            try
            {
                Tell(screen, session.Run(tool.Id, options.Read(parsed)));
                return ExitCodes.Done;
            }
            catch (OperationCanceledException) when (stop.ExitCode != 0)
            {
                return stop.ExitCode;
            }
        });
        return command;
    }

    private static string? Taken(IEnumerable<Option> options)
    {
        string[] own = ["--set", "--plugins", "--threads", "--json", "--verbose", "--help", OwnOutput.Option];
        return options.Select(o => o.Name).FirstOrDefault(own.Contains);
    }

    private static void Tell(Screen screen, ToolOutput output) =>
        screen.Tell(
            () => Json(output),
            () => output.Table is null ? output.Text : $"\n{Text(output.Table)}\n\n{output.Text}"
        );

    private static JsonObject Json(ToolOutput output)
    {
        var line = new JsonObject { ["event"] = output.Name };
        foreach (var (name, value) in output.Values)
            line[name] = value?.DeepClone();
        return line;
    }

    private static string Text(ToolTable table)
    {
        var text = new TextTable([.. table.Header]);
        foreach (var row in table.Rows)
            text.Add([.. row]);
        return text.ToString();
    }
}
