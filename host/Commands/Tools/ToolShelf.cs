using System.CommandLine;
using System.CommandLine.Invocation;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Completion;
using KdPlugins.Host.Commands.Plugins;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Inspection;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Tools;

/// <summary>The tools of the plugin folder among the commands. The folder is looked at only where no command of the host's is meant.</summary>
internal static class ToolShelf
{
    /// <summary>
    /// Adds the tool that the arguments mean to the root, or all of them by name where they mean no command at all; null where the
    /// root has what they mean. What it gives holds the tool's plugin: dispose it when the command has run.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0801</c>: nobody has a command of that name.</exception>
    internal static IDisposable? AddTo(RootCommand root, ParseResult parsed, string[] args, Screen screen)
    {
        if (parsed.CommandResult.Command != root)
            return null;
        var folder = Folder(args);
        if (Suggestions.AreAsked(args))
        {
            List(root, folder);
            return null;
        }
        var word = parsed.UnmatchedTokens.FirstOrDefault(t => !t.StartsWith('-'));
        var tools = word is null ? [] : Look(folder);
        if (word is null || tools.All(t => t.Part.Id != word))
        {
            if (word is not null && parsed.Action is ParseErrorAction)
                throw Unknown(root, parsed, word, tools.Select(t => t.Part.Id));
            List(root, folder);
            return null;
        }
        var host = PluginHost.Load(folder);
        try
        {
            var tool = host.Catalog.Plugins.FirstOrDefault(p => p.Kind == PluginKind.Tool && p.Id == word);
            root.Add(ToolCommand.Make(screen, host, tool ?? throw DescribeCommand.Unknown(host, word)));
            return host;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    // For the help: by their metadata, and what stands in the way is said where a tool is asked for.
    private static void List(RootCommand root, string? folder)
    {
        try
        {
            foreach (var (part, _) in Look(folder).Where(t => t.IsAccepted).DistinctBy(t => t.Part.Id))
                if (root.Subcommands.All(c => c.Name != part.Id))
                {
                    var tool = new Command(part.Id, part.Description) { new Argument<string>("RECIPE") };
                    Suggestions.AddTo(tool);
                    root.Add(tool);
                }
        }
        catch (KdException) { }
    }

    private static IReadOnlyList<(PartFact Part, bool IsAccepted)> Look(string? folder) =>
        FolderPluginCatalog.Look(
            folder ?? FolderPluginCatalog.DefaultRoot,
            PluginKind.Tool,
            TrustOptions.FromEnvironment()
        );

    // Where the plugins are has to be known before there is a command with an option for it.
    private static string? Folder(string[] args)
    {
        var plugins = CommonOptions.Plugins();
        var only = new RootCommand { plugins };
        only.TreatUnmatchedTokensAsErrors = false;
        var parsed = only.Parse(args, CommonOptions.Plain);
        return parsed.Errors.Count == 0 ? parsed.GetValue(plugins) : null;
    }

    private static KdException Unknown(RootCommand root, ParseResult parsed, string word, IEnumerable<string> tools)
    {
        var known = root.Subcommands.Where(c => !c.Hidden).Select(c => c.Name).Concat(tools).Distinct();
        var errors = parsed.Errors.Select(e => e.Message);
        return new(CommandErrors.Usage, $"{string.Join(" ", errors)} {Nearest.Ask(word, known)}".TrimEnd());
    }
}
