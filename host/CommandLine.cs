using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands;
using KdPlugins.Host.Commands.Check;
using KdPlugins.Host.Commands.Completion;
using KdPlugins.Host.Commands.Doctor;
using KdPlugins.Host.Commands.Explain;
using KdPlugins.Host.Commands.New;
using KdPlugins.Host.Commands.Plugins;
using KdPlugins.Host.Commands.Probe;
using KdPlugins.Host.Commands.Recipes;
using KdPlugins.Host.Commands.Results;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Host.Commands.Service;
using KdPlugins.Host.Commands.Students;
using KdPlugins.Host.Commands.Study;
using KdPlugins.Host.Commands.Tools;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host;

/// <summary>The command line as a whole: parses, runs one command, and turns whatever happens into an exit code.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command; never throws. The result is the exit code.</summary>
    internal static int Run(string[] args, Screen screen)
    {
        screen = screen.For(args);
        try
        {
            var root = Build(screen, args);
            var parsed = root.Parse(args, CommonOptions.Plain);
            using var tools = ToolShelf.AddTo(root, parsed, args, screen);
            parsed = root.Parse(args, CommonOptions.Plain);
            if (parsed.Action is ParseErrorAction)
                throw new KdException(CommandErrors.Usage, string.Join(" ", parsed.Errors.Select(e => e.Message)));
            return parsed.Invoke(
                new()
                {
                    EnableDefaultExceptionHandler = false,
                    // Commands that can be stopped listen themselves: they need to know which signal it was.
                    ProcessTerminationTimeout = null,
                    Output = screen.Output,
                    Error = screen.Error,
                }
            );
        }
        catch (Exception e)
        {
            return Report(e, screen);
        }
    }

    private static RootCommand Build(Screen screen, string[] args)
    {
        var root = new RootCommand(Description())
        {
            RunCommand.Make(screen, args),
            ResumeCommand.Make(screen),
            CheckCommand.Make(screen),
            RecipesCommand.Make(screen),
            ResolveCommand.Make(screen),
            EvalCommand.Make(screen),
            StudyCommand.Make(screen),
            CompareCommand.Make(screen),
            ReportCommand.Make(screen),
            ExportCommand.Make(screen),
            PredictCommand.Make(screen),
            PluginsCommand.Make(screen),
            DescribeCommand.Make(screen),
            ProbeCommand.Make(screen),
            SchemaCommand.Make(screen),
            DoctorCommand.Make(screen),
            ExplainCommand.Make(screen),
            CompletionCommand.Make(screen),
            NewCommand.Make(screen),
        };
        root.Add(ServeCommand.Make(screen));
        foreach (var command in QueueCommands.Make(screen))
            root.Add(command);
        // Read from the raw arguments, so that failures to parse follow them as well.
        root.Add(Everywhere("--json", "Writes every line as a JSON object, for programs."));
        root.Add(Everywhere("--verbose", "Shows stack traces of failures."));
        root.Add(
            new Option<int?>(OwnOutput.Option)
            {
                Description = "The descriptor of a pipe to speak to: for whoever starts it as a child.",
                Recursive = true,
                Hidden = true,
            }
        );
        Suggestions.AddTo(root);
        root.SetAction(parsed => new HelpAction().Invoke(parsed));
        return root;
    }

    private static Option<bool> Everywhere(string name, string description) =>
        new(name) { Description = description, Recursive = true };

    private static string Description()
    {
        var text = new StringBuilder("Knowledge distillation by plugins.\n\nExit codes:\n");
        foreach (var (code, meaning) in ExitCodes.Table)
            text.Append($"  {code, -4} {meaning}\n");
        return text.ToString().TrimEnd();
    }

    private static int Report(Exception error, Screen screen)
    {
        var code = ExitCodes.Of(error);
        if (screen.Json)
            screen.EmitError(FailureText.Json(error, code, screen.Verbose));
        else
        {
            screen.SayError(FailureText.Known(error).Message);
            if (screen.Verbose)
                screen.SayError(error.ToString());
        }
        return code;
    }
}
