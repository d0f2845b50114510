using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using KdPlugins.Core;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Results;

/// <summary>Where weights are, and which recipe says what they belong to.</summary>
internal sealed class EvalPlace
{
    private readonly string? _run;
    private readonly string? _file;
    private readonly string? _recipe;

    /// <exception cref="KdException"><c>KDP0600</c>: neither a run nor a file.</exception>
    internal EvalPlace(string path, string? recipe)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        _recipe = recipe;
        if (File.Exists(path))
            (_file, _run) = (path, RunOf(Path.GetDirectoryName(path)!));
        else
            _run = RunOf(path) ?? throw new KdException(RunErrors.RunMissing, $"'{path}' is neither a run nor a file.");
    }

    /// <summary>The plugin folder that the run was started with; null for the default.</summary>
    internal string? PluginFolder =>
        _run is null ? null
        : _recipe is null ? RunOrigin.Read(_run).PluginFolder
        : RunOrigin.TryRead(_run)?.PluginFolder;

    /// <summary>The recipe that was named, or the run's.</summary>
    internal Recipe Read(PluginHost host, IReadOnlyList<string> settings)
    {
        if (_recipe is not null)
            return host.ReadRecipe(_recipe, settings);
        var origin = RunOrigin.Read(_run!);
        return host.ReadResolved(RecipeThatRan(_run!, origin), origin.RecipeFolder, settings);
    }

    // What a run was gone on with is in its recipe.json; what somebody wrote there since has not run.
    private static string RecipeThatRan(string run, RunOrigin origin)
    {
        var (kept, provenance) = (Path.Combine(run, "recipe.json"), Path.Combine(run, "provenance.json"));
        if (!File.Exists(kept) || !File.Exists(provenance))
            return origin.Recipe;
        try
        {
            var text = PlainFile.ReadText(kept, Json.LargestFile);
            var ran = Json.Text(Json.Object(Json.Read(provenance), "hashes"), "recipe");
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))) == ran
                ? text
                : origin.Recipe;
        }
        catch (Exception e) when (e is JsonException or IOException or ArgumentException)
        {
            return origin.Recipe;
        }
    }

    /// <summary>Refuses a file that nothing is known of.</summary>
    /// <exception cref="KdException"><c>KDP0801</c>: it lies in no run, and no recipe is named.</exception>
    internal void RequireRecipe()
    {
        if (_recipe is null && _run is null)
            throw new KdException(
                CommandErrors.Usage,
                $"'{_file}' lies in no run, so that nothing says which network and which data it belongs to.",
                "Name a recipe with --recipe."
            );
    }

    /// <summary>The weight files, one per seed, each with a name for people.</summary>
    internal IReadOnlyList<(string Label, string Path)> Weights(string role)
    {
        if (_file is not null)
            return [(Path.GetFileName(_file), _file)];
        var name = $"{role}.safetensors";
        List<string> folders =
        [
            _run!,
            .. Directory.EnumerateDirectories(_run!, "seed-*").Order(StringComparer.Ordinal),
        ];
        var found = folders.Where(f => File.Exists(Path.Combine(f, name))).ToList();
        if (found.Count > 0)
            return [.. found.Select(f => (Path.GetFileName(f), Path.Combine(f, name)))];
        var error = new KdException(
            CommandErrors.FileUnreadable,
            $"'{_run}' has no {name}.",
            "Resume the run to its end, or name one of its roles with --role."
        );
        ExitCodes.Mark(error, ExitCodes.Damaged);
        throw error;
    }

    /// <summary>How a file is read: as asked here, or else as the recipe says of the very same file, or else as it is.</summary>
    /// <exception cref="KdException"><c>KDP0801</c>: a renaming that is none.</exception>
    internal static WeightsSection Section(
        Recipe recipe,
        string role,
        string path,
        string? prefix,
        IReadOnlyList<string> renames
    )
    {
        var plain = WeightsSection.Of(path);
        if (prefix is not null || renames.Count > 0)
            return new(path, prefix, Renaming(renames), plain.Strict, plain.Head);
        return recipe.Model(role) is { HasWeights: true } own && recipe.PathOf(own.Weights.Path) == path
            ? own.Weights
            : plain;
    }

    private static Dictionary<string, string> Renaming(IReadOnlyList<string> renames)
    {
        var rules = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var rename in renames)
            if (rename.Split('=') is not [{ Length: > 0 } from, var to] || !rules.TryAdd(from, to))
                throw new KdException(
                    CommandErrors.Usage,
                    $"'{rename}' is no renaming.",
                    "Write FROM=TO, each FROM once."
                );
        return rules;
    }

    // A seed's folder is a part of the run above it, which has the origin.
    private static string? RunOf(string folder)
    {
        if (File.Exists(Path.Combine(folder, RunOrigin.FileName)))
            return folder;
        var above = Path.GetDirectoryName(folder);
        return
            Path.GetFileName(folder).StartsWith("seed-", StringComparison.Ordinal)
            && above is not null
            && File.Exists(Path.Combine(above, RunOrigin.FileName))
            ? above
            : null;
    }
}
