using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Results;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>What names one network on a command line: a run or a weight file, its role, where its plugins are.</summary>
internal sealed class WeightOptions
{
    private readonly Option<string> _role = new("--role")
    {
        Description = "The role whose network it is.",
        DefaultValueFactory = _ => Roles.Student,
    };

    private readonly Option<string?> _recipe = new("--recipe")
    {
        Description =
            "The recipe that says which network and data it belongs to, for a file that does not say it itself.",
    };

    private readonly Option<string?> _plugins = CommonOptions.Plugins();
    private readonly Option<int?> _threads = CommonOptions.Threads();

    /// <summary>The run's folder or the weight file.</summary>
    internal Argument<string> What { get; init; } =
        new("RUN|WEIGHTS") { Description = "A run's folder, or a weight file (.safetensors; .pth with --recipe)." };

    internal void AddTo(Command command)
    {
        command.Arguments.Insert(0, What);
        foreach (var option in (Option[])[_role, _recipe, _plugins, _threads])
            command.Options.Add(option);
    }

    /// <summary>Threads that were asked for; one per processor where none were.</summary>
    internal int Threads(ParseResult parsed) => parsed.GetValue(_threads) ?? Environment.ProcessorCount;

    /// <summary>Finds the weights, loads the plugins and starts libtorch.</summary>
    /// <exception cref="KdException"><c>KDP0801</c>: there are several; <c>KDP0804</c>, <c>KDP0600</c>: there are none.</exception>
    internal OpenedWeights Open(ParseResult parsed, Screen screen)
    {
        var (what, role) = (parsed.GetRequiredValue(What), parsed.GetValue(_role)!);
        var place = new EvalPlace(what, parsed.GetValue(_recipe));
        var found = place.Weights(role);
        if (found.Count > 1)
            throw new KdException(
                CommandErrors.Usage,
                $"'{what}' has {found.Count} networks of the role '{role}': {string.Join(", ", found.Select(f => f.Label))}.",
                "Name one of the weight files in these folders."
            );
        var host = PluginHost.Load(parsed.GetValue(_plugins) ?? place.PluginFolder);
        try
        {
            host.WarnOfReplaced(screen);
            var recipe = parsed.GetValue(_recipe) is null ? null : place.Read(host, []);
            host.StartTorch(Threads(parsed));
            var record = recipe is null ? null : Preflight.Record(recipe, host.Made, role);
            return new(host, found[0].Path, record is null ? null : JsonNode.Parse(record)!.AsObject());
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }
}

/// <summary>Weights that were found, and the plugins to make a network for them.</summary>
/// <param name="host">The plugins; libtorch has started.</param>
/// <param name="path">The weight file.</param>
/// <param name="record">What a recipe says of it; null for what the file says.</param>
internal sealed class OpenedWeights(PluginHost host, string path, JsonObject? record) : IDisposable
{
    internal string Path => path;

    /// <summary>The network. See <see cref="RecordedNetwork.Open"/>.</summary>
    internal RecordedNetwork Network(ImageSize? size) => RecordedNetwork.Open(host, path, record, size);

    public void Dispose() => host.Dispose();
}
