namespace KdPlugins.Datasets;

/// <summary>The images of a split with one class each.</summary>
/// <param name="store">Where they are.</param>
/// <param name="labels">Of every image of the store.</param>
internal sealed class ImageSplit(IImageStore store, long[] labels)
{
    // Null where none is left out.
    private int[]? _taken;

    public IImageStore Store => store;

    public long Count => _taken?.Length ?? labels.Length;

    /// <summary>An image's number in the store.</summary>
    public int PlaceOf(long index) => _taken is null ? (int)index : _taken[index];

    public long LabelOf(long index) => labels[PlaceOf(index)];

    public string NameOf(long index) => store.NameOf(PlaceOf(index));

    /// <summary>The same without some of the store's images.</summary>
    public ImageSplit Without(IReadOnlySet<int> places) =>
        new(store, labels) { _taken = [.. Enumerable.Range(0, labels.Length).Where(i => !places.Contains(i))] };
}
