using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.New;

/// <summary>Data that a person has, and the data set that reads them.</summary>
/// <param name="Id">The data set's id.</param>
/// <param name="Options">What it has to be told, paths as they were found.</param>
/// <param name="Classes">How many there are.</param>
/// <param name="Shape">[channels, height, width] of its images.</param>
/// <param name="Counts">Samples by split.</param>
/// <param name="KnowsClasses">Whether a part of it can be chosen by class.</param>
internal sealed record FoundData(
    string Id,
    JsonObject Options,
    long Classes,
    IReadOnlyList<long> Shape,
    IReadOnlyDictionary<string, long> Counts,
    bool KnowsClasses
)
{
    internal long Train => Counts["train"];

    internal long Side => Math.Max(Shape[1], Shape[2]);

    /// <summary>Asks every data set that is installed.</summary>
    /// <param name="catalog">The plugins.</param>
    /// <param name="path">A file or folder.</param>
    /// <param name="wanted">The id of the data set that is to be asked alone; null for all.</param>
    /// <exception cref="KdException">
    /// <c>KDP0831</c>: nobody knows what lies there, several do, or it is nothing to learn classes from; KDP04xx of data that
    /// cannot be read; <c>KDP0201</c>: there is no data set of the id.
    /// </exception>
    internal static FoundData At(IPluginCatalog catalog, string path, string? wanted)
    {
        if (!Path.Exists(path))
            throw Unusable($"There is no file or folder '{path}'.", "Correct the path.");
        var sets = catalog.Plugins.Where(p => p.Kind == PluginKind.Dataset).Select(p => p.Id).ToList();
        if (wanted is not null && !sets.Contains(wanted))
            throw UnknownPlugin.Error(PluginKind.Dataset, wanted, sets, []);
        var claims = sets.Where(id => wanted is null || id == wanted)
            .Select(id => (Id: id, Options: Ask(catalog, id, path)))
            .Where(claim => claim.Options is not null)
            .Select(claim => Look(catalog, claim.Id, claim.Options!))
            .ToList();
        var usable = claims.Where(c => c.Data is not null).Select(c => c.Data!).ToList();
        return (usable.Count, claims.Count) switch
        {
            (1, _) => usable[0],
            (0, 0) => throw Unusable(
                wanted is null
                    ? $"No data set knows what lies in '{path}'."
                    : $"The data set '{wanted}' does not know what lies in '{path}'."
            ),
            (0, _) => throw claims[0].Problem!,
            _ => throw Unusable(
                $"Several data sets read '{path}': {string.Join(", ", usable.Select(u => u.Id))}.",
                "Say which one is meant with --dataset, or name the file or folder itself."
            ),
        };
    }

    internal static KdException Unusable(string detail, string? remedy = null)
    {
        var error = new KdException(CommandErrors.DataUnknown, detail, remedy);
        ExitCodes.Mark(error, ExitCodes.Damaged);
        return error;
    }

    private static JsonObject? Ask(IPluginCatalog catalog, string id, string path)
    {
        using var instance = catalog.Create(PluginKind.Dataset, id);
        try
        {
            return (instance.Plugin as IRecognisesData)?.Recognise(path);
        }
        catch (Exception e) when (e is KdException or IOException or UnauthorizedAccessException)
        {
            // Another one may know it.
            return null;
        }
    }

    // What is wrong where it cannot be used.
    private static (FoundData? Data, Exception? Problem) Look(IPluginCatalog catalog, string id, JsonObject options)
    {
        try
        {
            return (Open(catalog, id, options), null);
        }
        catch (Exception e) when (e is KdException or IOException or UnauthorizedAccessException)
        {
            return (null, e);
        }
    }

    private static FoundData Open(IPluginCatalog catalog, string id, JsonObject options)
    {
        var choice = new PluginChoice(id, options.ToJsonString());
        using var instance = RecipePlugins.Create(catalog, PluginKind.Dataset, choice);
        using var data = ((IDatasetPlugin)instance.Plugin).Open(Environment.CurrentDirectory);
        var info = data.Info;
        if (info.Kind != InputKind.Image || info.Target != TargetKind.ClassIndex)
            throw Unusable($"'{id}' reads no images with a class each there.");
        if (info.Classes < 2)
            throw Unusable(
                $"'{id}' finds {info.Classes} class there; a network learns to tell classes apart.",
                "Name the folder above those of the classes, or give every class a folder or a label of its own."
            );
        var sources = data.Splits.ToDictionary(split => split, data.Open);
        return new(
            id,
            options,
            info.Classes,
            info.InputShape,
            sources.ToDictionary(s => s.Key, s => s.Value.Count),
            sources["train"] is ILabelledSource
        );
    }
}
