using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Images of a split with labels as they are written.</summary>
/// <param name="Store">The images.</param>
/// <param name="Labels">As many.</param>
internal sealed record LabelledImages(IImageStore Store, IReadOnlyList<string> Labels)
{
    /// <summary>The data set of splits, whose labels become numbers.</summary>
    /// <exception cref="KdException"><c>KDP0405</c>: a label that is no class; <c>KDP0407</c>: a split without images.</exception>
    public static ImageSet Open(
        Type plugin,
        SplitOptions options,
        IReadOnlyDictionary<string, LabelledImages> splits,
        IReadOnlyList<string> classNames,
        string place,
        Func<string> fingerprint
    )
    {
        foreach (var (name, split) in splits)
            if (split.Store.Count == 0)
                throw new KdException(DataErrors.EmptyClass, $"Split '{name}' of '{place}' has no images.");
        if (!splits.TryGetValue("train", out var train))
            throw new KdException(DataErrors.EmptyClass, $"'{place}' has no images of the split 'train'.");
        var classes = ClassList.Of(options.Classes.Count > 0 ? options.Classes : classNames, train.Labels, place);
        var images = splits.ToDictionary(
            s => s.Key,
            s => new ImageSplit(s.Value.Store, classes.NumbersOf(s.Value.Labels, i => $"'{s.Value.Store.NameOf(i)}'"))
        );
        return new ImageSet(plugin, options, images, classes, place, fingerprint);
    }
}
