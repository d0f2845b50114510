using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>kd study STUDY.</summary>
internal static class StudyCommand
{
    private const string DefaultFolder = "studies";

    // What else may lie in the folder of a study that was killed before it wrote its first results.
    private static readonly string[] Own = ["recipes", "logs", "replaced", "prepare"];

    internal static Command Make(Screen screen)
    {
        var command = new Command(
            "study",
            "Compares arms over seeds: carries out every run that is not there yet, and says what the numbers say."
        );
        var options = StudyOptions.AddTo(command);
        command.SetAction(parsed => Run(screen, options, parsed));
        return command;
    }

    private static int Run(Screen screen, StudyOptions options, ParseResult parsed)
    {
        var named = options.Study(parsed);
        var isFolder = Directory.Exists(named) && StudyRecord.Exists(named);
        var started = isFolder ? StudyRecord.Read(Path.GetFullPath(named)) : null;
        using var host = PluginHost.Load(options.Plugins(parsed) ?? started?.Plugins, options.Trust(parsed));
        var place = StudyPlace.Find(started?.File ?? named, host.Catalog);
        var study = StudyReader.ReadFile(place.Path, place.Folder);
        var root = Path.TrimEndingDirectorySeparator(
            Path.GetFullPath(options.Output(parsed) ?? (isFolder ? named : Path.Combine(DefaultFolder, study.Name)))
        );
        var record = RecordOf(root, study);
        var request = options.Read(parsed, record);
        var (plan, given) = Plan(host, place, study, request, root);
        request = request with { With = given };
        host.WarnOfReplaced(screen);
        var runs = plan.Select(p => new StudyRun(p)).ToList();
        Choose(study, runs, request);
        foreach (var run in runs)
            run.Look(request.MaxStepsPerStage);
        if (options.IsDryRun(parsed))
            return List(screen, study, root, runs);
        if (options.IsCheck(parsed))
            return StudyCheck.Run(screen, host, runs, request, root);
        // The file as it was named: a name stays one, however the plugin is updated.
        var file = started?.File ?? (RecipePlace.IsName(named) ? named : place.Path);
        var now = new StudyRecord(
            study.Name,
            file,
            request.With,
            request.Set,
            request.Threads,
            request.MaxStepsPerStage,
            request.Plugins
        );
        return new StudyJob(study, now, request, root, runs).Execute(screen);
    }

    private static StudyRecord? RecordOf(string root, Core.Study study)
    {
        if (File.Exists(root))
            throw InUse($"'{root}' is a file.");
        if (!Directory.Exists(root))
            return null;
        if (StudyRecord.Read(root) is { } record)
            return record.Name == study.Name
                ? record
                : throw new KdException(
                    StudyErrors.AnotherStudy,
                    $"'{root}' holds the study '{record.Name}', and not '{study.Name}'."
                );
        var arms = study.Arms.Select(a => Path.GetFileName(StudyPlan.FolderOf(a.Name)));
        var other = Directory
            .EnumerateFileSystemEntries(root)
            .Select(Path.GetFileName)
            .OfType<string>()
            .FirstOrDefault(name =>
                !Own.Contains(name)
                && !arms.Contains(name)
                && !name.StartsWith("run.lock")
                && !name.StartsWith("study.")
            );
        return other is null ? null : throw InUse($"'{root}' has other things in it, such as '{other}'.");
    }

    private static (IReadOnlyList<PlannedRun> Plan, IReadOnlyDictionary<string, string> With) Plan(
        PluginHost host,
        StudyPlace place,
        Core.Study study,
        StudyRequest request,
        string root
    )
    {
        var settings = new StudySettings { With = request.With, Set = request.Set };
        var plan = host.Judged(() =>
            StudyPlan.Make(study, settings, root, host.Made, StudyPlace.Recipes(host.Catalog))
        );
        // Paths as they are now: the study may be gone on with from elsewhere.
        return (plan, StudyPlan.Given(study, settings));
    }

    private static void Choose(Core.Study study, IReadOnlyList<StudyRun> runs, StudyRequest request)
    {
        var arms = study.Arms.Select(a => a.Name).ToList();
        foreach (var name in request.Arms ?? [])
            if (!arms.Contains(name))
                throw Unknown($"no arm '{name}': it has {string.Join(", ", arms)}. {Nearest.Ask(name, arms)}");
        foreach (var seed in request.Seeds ?? [])
            if (!study.Seeds.Contains(seed))
                throw Unknown($"no seed {seed}: it has {string.Join(", ", study.Seeds)}.");
        var runsOf = study.Arms.Where(a => request.Arms?.Contains(a.Name) ?? true).Select(a => a.RunsOf).ToHashSet();
        foreach (var run in runs.Where(r => r.Plan.Arm is not null))
            run.IsWanted = runsOf.Contains(run.Plan.Arm) && (request.Seeds?.Contains(run.Plan.Seed) ?? true);
        // What nobody reads is wanted for itself; what preparations read, they need too.
        var all = request.Arms is null && request.Seeds is null;
        foreach (var made in runs.Where(r => r.Plan.Arm is null).Reverse())
            made.IsWanted =
                runs.Any(r => r.IsWanted && r.Plan.Needs.Contains(made.Plan.Folder))
                || (all && !runs.Any(r => r.Plan.Needs.Contains(made.Plan.Folder)));

        KdException Unknown(string what) =>
            new(StudyErrors.NameUnknown, $"The study '{study.Name}' has {what}".TrimEnd());
    }

    private static int List(Screen screen, Core.Study study, string root, IReadOnlyList<StudyRun> runs)
    {
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "study-plan",
                    ["name"] = study.Name,
                    ["folder"] = root,
                    ["runs"] = new JsonArray([
                        .. runs.Select(r => new JsonObject
                        {
                            ["arm"] = r.Plan.Arm,
                            ["preparation"] = r.Plan.Preparation,
                            ["level"] = r.Plan.Level,
                            ["seed"] = r.Plan.Seed,
                            ["folder"] = Path.GetRelativePath(root, r.Plan.Folder),
                            ["state"] = r.State.ToString().ToLowerInvariant(),
                            ["wanted"] = r.IsWanted,
                            ["recipe"] = r.Plan.Recipe.Identity(),
                            ["message"] = r.Message.Length > 0 ? r.Message : null,
                        }),
                    ]),
                },
            () =>
            {
                var table = new TextTable("run", "folder", "state");
                foreach (var run in runs)
                    table.Add(
                        run.Plan.Label,
                        Path.GetRelativePath(root, run.Plan.Folder),
                        $"{run.State.ToString().ToLowerInvariant()}{(run.IsWanted ? "" : ", not asked for")}{(run.Message.Length > 0 ? $": {run.Message}" : "")}"
                    );
                return $"{study.Name} in {root}: every recipe fits.\n\n{table}";
            }
        );
        return ExitCodes.Done;
    }

    private static KdException InUse(string detail)
    {
        var error = new KdException(CommandErrors.FolderInUse, detail);
        ExitCodes.Mark(error, ExitCodes.Folder);
        return error;
    }
}
