using System.CommandLine;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Commands.Completion;

/// <summary>kd completion SHELL.</summary>
internal static class CompletionCommand
{
    private static readonly string[] Shells = ["bash", "zsh", "fish"];

    internal static Command Make(Screen screen)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong(Shells);
        var command = new Command(
            "completion",
            "Prints the script by which a shell completes commands, options, recipes, plugins, codes and runs."
        )
        {
            shell,
        };
        command.SetAction(parsed =>
        {
            var name = parsed.GetRequiredValue(shell);
            var script = Script(name);
            screen.Tell(
                () =>
                    new()
                    {
                        ["event"] = "completion",
                        ["shell"] = name,
                        ["script"] = script,
                    },
                () => script
            );
            return ExitCodes.Done;
        });
        return command;
    }

    internal static string Script(string shell)
    {
        using var stream = typeof(CompletionCommand).Assembly.GetManifestResourceStream($"completion/kd.{shell}")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
