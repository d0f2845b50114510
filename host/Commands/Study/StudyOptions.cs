using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>What 'kd study' takes, and what was given.</summary>
internal sealed class StudyOptions
{
    private readonly Argument<string> _study = new("STUDY")
    {
        Description = "The study's file, the name of one that 'kd recipes' lists, or the folder of one to go on with.",
    };
    private readonly Option<string?> _output = new("--out")
    {
        Description =
            "The study's folder: new, empty, or that of the same study, which goes on. Default: studies/<name>.",
        HelpName = "DIR",
    };
    private readonly Option<string[]> _with = new("--with")
    {
        Description = "The value of a parameter of the study, such as data=/data/cifar10; may be repeated.",
        HelpName = "NAME=VALUE",
    };
    private readonly Option<string?> _arms = new("--arms")
    {
        Description = "Runs these arms alone, and what they need. Default: all.",
        HelpName = "A,B",
    };
    private readonly Option<string?> _seeds = new("--seeds")
    {
        Description = "Runs these seeds of the study alone. Default: all.",
        HelpName = "1,2",
    };
    private readonly Option<int?> _jobs = new("--jobs")
    {
        Description = "Runs at a time. Default: 1.",
        HelpName = "N",
        Validators = { Within(1, 64) },
    };
    private readonly Option<int?> _threads = new("--threads")
    {
        Description =
            "Threads of each run. Default: those that the study began with, or else the processors shared among the jobs.",
        HelpName = "N",
        Validators = { Within(1, 1024) },
    };
    private readonly Option<bool> _redo = new("--redo")
    {
        Description = "Makes runs anew whose recipes have changed in the file; the old ones are kept under 'replaced'.",
    };
    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Reads and checks everything, lists the runs, and writes nothing.",
    };
    private readonly Option<bool> _check = new("--check")
    {
        Description =
            "Tries every arm for some steps as 'kd check' does, says what the whole will take, and writes nothing.",
    };
    private readonly Option<string[]> _set = CommonOptions.Set();
    private readonly Option<long?> _steps = CommonOptions.MaxSteps();
    private readonly Option<string?> _plugins = CommonOptions.Plugins();
    private readonly TrustOptions _trust;

    private StudyOptions(Command command)
    {
        command.Add(_study);
        Option[] all = [_output, _with, _arms, _seeds, _jobs, _threads, _redo, _dryRun, _check, _set, _steps, _plugins];
        foreach (var option in all)
            command.Add(option);
        _trust = TrustOptions.AddTo(command);
    }

    /// <summary>Adds all of them to a command.</summary>
    internal static StudyOptions AddTo(Command command) => new(command);

    internal string Study(ParseResult parsed) => parsed.GetRequiredValue(_study);

    internal string? Output(ParseResult parsed) => parsed.GetValue(_output);

    internal string? Plugins(ParseResult parsed) => parsed.GetValue(_plugins);

    internal bool IsDryRun(ParseResult parsed) => parsed.GetValue(_dryRun);

    internal bool IsCheck(ParseResult parsed) => parsed.GetValue(_check);

    internal Loading.LoaderOptions Trust(ParseResult parsed) => _trust.Read(parsed);

    /// <summary>What was given, and of what was not what the study's folder remembers.</summary>
    /// <exception cref="KdException"><c>KDP0801</c>: an option cannot be understood.</exception>
    internal StudyRequest Read(ParseResult parsed, StudyRecord? before)
    {
        var jobs = parsed.GetValue(_jobs) ?? 1;
        var set = parsed.GetValue(_set) ?? [];
        var with = With(parsed.GetValue(_with) ?? []);
        List<string> trust = [];
        if (_trust.Level(parsed) is { } level)
            trust.AddRange(["--trust", level.ToString()]);
        if (_trust.Keys(parsed) is { } keys)
            trust.AddRange(["--trusted-keys", Path.GetFullPath(keys)]);
        return new()
        {
            With = before is null
                ? with
                : before.With.Concat(with).GroupBy(w => w.Key).ToDictionary(g => g.Key, g => g.Last().Value),
            Set = set.Length > 0 || before is null ? set : before.Set,
            Arms = List(parsed.GetValue(_arms)),
            Seeds = List(parsed.GetValue(_seeds))?.Select(Seed).ToList(),
            Jobs = jobs,
            Threads = parsed.GetValue(_threads) ?? before?.Threads ?? Math.Max(1, Environment.ProcessorCount / jobs),
            MaxStepsPerStage = parsed.GetValue(_steps) ?? before?.MaxStepsPerStage ?? 0,
            Redo = parsed.GetValue(_redo),
            Plugins = parsed.GetValue(_plugins) is { } named ? Path.GetFullPath(named) : before?.Plugins,
            Trust = trust,
        };
    }

    private static Dictionary<string, string> With(IReadOnlyList<string> given)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var one in given)
            if (one.Split('=', 2) is not [{ Length: > 0 } name, var value])
                throw Usage($"'--with {one}' is no value of a parameter.", "Write NAME=VALUE.");
            else if (!values.TryAdd(name.Trim(), value))
                throw Usage($"'{name.Trim()}' is given twice.", "Give each parameter once.");
        return values;
    }

    private static IReadOnlyList<string>? List(string? text) =>
        text?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static long Seed(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : throw Usage($"'{text}' is no seed.", "Write seeds of the study, such as --seeds 1,2.");

    private static KdException Usage(string detail, string remedy) => new(CommandErrors.Usage, detail, remedy);

    private static Action<OptionResult> Within(int least, int most) =>
        result =>
        {
            if (
                result.Tokens is [var token]
                && long.TryParse(token.Value, CultureInfo.InvariantCulture, out var number)
                && (number < least || number > most)
            )
                result.AddError($"{result.Option.Name} must be between {least} and {most}.");
        };
}
