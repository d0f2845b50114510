using System.CommandLine;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.New;

/// <summary>kd new.</summary>
internal static class NewCommand
{
    private const string DefaultMethod = "offline";

    internal static Command Make(Screen screen)
    {
        var data = Text("--data", "The folder or file of the images.", "PATH");
        var dataset = Text("--dataset", "The data set that reads them, where several could.", "ID");
        var teacher = Text(
            "--teacher",
            "The teacher: a weight file, 'train' for one that is trained first, or the network that is.",
            "FILE|train|ID"
        );
        var teacherModel = Text("--teacher-model", "The network of a weight file that does not say it.", "ID|JSON");
        var student = Text("--student", "The student's network: an id, or a section of a recipe.", "ID|JSON");
        var method = Text("--method", $"The method: the id of a strategy. Default: {DefaultMethod}.", "ID");
        var epochs = new Option<long?>("--epochs") { Description = "Epochs of every stage.", HelpName = "N" };
        var minutes = new Option<double?>("--minutes")
        {
            Description = "Minutes that the whole run may take, in place of epochs.",
            HelpName = "M",
        };
        var output = Text("--out", "The recipe's file.", "FILE");
        var force = new Option<bool>("--force") { Description = "Writes over a file." };
        var plugins = CommonOptions.Plugins();
        var command = new Command(
            "new",
            "Looks at data and writes a recipe for them; asks at a terminal for what is not given."
        )
        {
            data,
            dataset,
            teacher,
            teacherModel,
            student,
            method,
            epochs,
            minutes,
            output,
            force,
            plugins,
        };
        command.SetAction(parsed =>
        {
            var flags = new NewFlags(
                parsed.GetValue(data),
                parsed.GetValue(dataset),
                parsed.GetValue(teacher),
                parsed.GetValue(teacherModel),
                parsed.GetValue(student),
                parsed.GetValue(method),
                parsed.GetValue(epochs),
                parsed.GetValue(minutes),
                parsed.GetValue(output),
                parsed.GetValue(force)
            );
            flags.Require();
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            new NewRecipe(screen, host, flags).Write();
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>The method where none is named.</summary>
    internal static string Method => DefaultMethod;

    private static Option<string?> Text(string name, string description, string help) =>
        new(name) { Description = description, HelpName = help };
}

/// <summary>What was given on the command line; null for what was not.</summary>
internal sealed record NewFlags(
    string? Data,
    string? Dataset,
    string? Teacher,
    string? TeacherModel,
    string? Student,
    string? Method,
    long? Epochs,
    double? Minutes,
    string? Output,
    bool Force
)
{
    /// <summary>Refuses what contradicts itself.</summary>
    /// <exception cref="KdException"><c>KDP0801</c>.</exception>
    internal void Require()
    {
        if (Epochs is not null && Minutes is not null)
            throw Wrong("--epochs and --minutes are two budgets.", "Give one of them.");
        if (Epochs is < 1 or > 1_000_000)
            throw Wrong("--epochs must be between 1 and 1000000.", null);
        if (Minutes is not null and not (> 0 and <= 1e7))
            throw Wrong("--minutes must be above 0 and at most 10000000.", null);
        if (TeacherModel is not null && Teacher is not null && !File.Exists(Teacher))
            throw Wrong(
                $"--teacher-model says of which network a weight file is, and --teacher names no file ('{Teacher}').",
                "Leave --teacher-model out, or correct the file's name."
            );
    }

    internal static KdException Wrong(string detail, string? remedy) => new(CommandErrors.Usage, detail, remedy);
}
