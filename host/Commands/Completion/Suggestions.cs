using System.CommandLine;
using System.CommandLine.Completions;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service.Api;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Completion;

/// <summary>
/// What the words of a command line may be, beside what the commands themselves say: read from names of files and from plugins'
/// metadata alone, so that it is there while a person types. What cannot be read suggests nothing.
/// </summary>
internal static class Suggestions
{
    private const string Directive = "[suggest";

    /// <summary>Whether a shell asks, and no command is meant.</summary>
    internal static bool AreAsked(IReadOnlyList<string> args) =>
        args.Count > 0 && args[0].StartsWith(Directive, StringComparison.Ordinal);

    /// <summary>Gives every argument of every command its suggestions, where there are any.</summary>
    internal static void AddTo(Command command)
    {
        // The help lists what is suggested, unless there is a name for it.
        foreach (var argument in command.Arguments)
            if (Of(command.Name, argument.Name) is { } source)
            {
                argument.HelpName ??= argument.Name;
                argument.CompletionSources.Add(context => Begun(context, source));
            }
        foreach (var option in command.Options)
            if (Of(option.Name) is { } source)
            {
                option.HelpName ??= option.Name.TrimStart('-');
                option.CompletionSources.Add(context => Begun(context, source));
            }
        foreach (var inner in command.Subcommands)
            AddTo(inner);
    }

    private static Func<CompletionContext, IEnumerable<string>>? Of(string command, string argument) =>
        (command, argument) switch
        {
            (_, "RECIPE") or ("recipes", "NAME") => Recipes,
            (_, "STUDY") => Studies,
            (_, "RUN") or (_, "RUN|WEIGHTS") or (_, "RUN|WEIGHTS|MODEL") => Runs,
            ("describe" or "probe" or "explain", "ID") => context => Plugins(context, Enum.GetValues<PluginKind>()),
            ("explain", "CODE") => _ => FailureAdvice.Entries.Select(e => e.Id),
            _ => null,
        };

    private static Func<CompletionContext, IEnumerable<string>>? Of(string option) =>
        option switch
        {
            "--recipe" => Recipes,
            "--method" => context => Plugins(context, PluginKind.Strategy),
            "--student" or "--teacher-model" => context => Plugins(context, PluginKind.Model),
            "--teacher" => context => Plugins(context, PluginKind.Model).Append("train"),
            "--dataset" => context => Plugins(context, PluginKind.Dataset),
            _ => null,
        };

    private static IEnumerable<string> Begun(
        CompletionContext context,
        Func<CompletionContext, IEnumerable<string>> all
    )
    {
        try
        {
            return
            [
                .. all(context)
                    .Where(text => text.StartsWith(context.WordToComplete, StringComparison.Ordinal))
                    .Distinct()
                    .Order(StringComparer.Ordinal),
            ];
        }
        catch (Exception e)
            when (e
                    is KdException
                        or IOException
                        or UnauthorizedAccessException
                        or ArgumentException
                        or InvalidOperationException
            )
        {
            return [];
        }
    }

    private static IEnumerable<string> Plugins(CompletionContext context, params PluginKind[] kinds) =>
        kinds
            .SelectMany(kind => FolderPluginCatalog.Look(Root(context), kind, TrustOptions.FromEnvironment()))
            .Where(found => found.IsAccepted)
            .Select(found => found.Part.Id);

    private static IEnumerable<string> Recipes(CompletionContext context) => Named(context, RecipeShelf.Folder);

    private static IEnumerable<string> Studies(CompletionContext context) => Named(context, RecipeShelf.StudiesFolder);

    private static IEnumerable<string> Named(CompletionContext context, string below)
    {
        var root = Root(context);
        return RecipeShelf.Names(
            Directory.Exists(root) ? FolderPluginCatalog.Sources(root).Where(s => FolderWalk.Problem(s) is null) : [],
            below
        );
    }

    // Below the folder of runs, and below what is being typed.
    private static IEnumerable<string> Runs(CompletionContext context)
    {
        var typed = Path.GetDirectoryName(context.WordToComplete);
        return new[] { "runs", typed is "" or null ? "." : typed }
            .Distinct()
            .Where(Directory.Exists)
            .SelectMany(Directory.EnumerateDirectories)
            .Where(folder => File.Exists(Path.Combine(folder, RunOrigin.FileName)))
            .Select(folder => folder.StartsWith("./", StringComparison.Ordinal) ? folder[2..] : folder);
    }

    // The folder that the line itself names, or the usual one.
    private static string Root(CompletionContext context)
    {
        var option = context.ParseResult.CommandResult.Command.Options.FirstOrDefault(o => o.Name == "--plugins");
        var named = option is Option<string?> plugins ? context.ParseResult.GetValue(plugins) : null;
        return named ?? FolderPluginCatalog.DefaultRoot;
    }
}
