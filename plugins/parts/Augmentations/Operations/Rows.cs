using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Changes some images of a batch and leaves the others.</summary>
internal static class Rows
{
    /// <summary>The batch with what a function makes of the chosen images, of the same shape; a new tensor.</summary>
    /// <param name="images">[N, ...].</param>
    /// <param name="chosen">Which images.</param>
    /// <param name="change">From the chosen images and their numbers in the batch to as many images.</param>
    public static Tensor Change(Tensor images, IReadOnlyList<bool> chosen, Func<Tensor, int[], Tensor> change)
    {
        int[] rows = [.. Enumerable.Range(0, chosen.Count).Where(i => chosen[i])];
        if (rows.Length == 0)
            return images;
        if (rows.Length == chosen.Count)
            return change(images, rows);
        var places = tensor(rows.Select(r => (long)r).ToArray(), device: images.device);
        return images.index_copy(0, places, change(images.index_select(0, places), rows));
    }

    /// <summary>What belongs to the chosen rows.</summary>
    public static T[] Of<T>(T[] values, int[] rows) => [.. rows.Select(r => values[r])];
}
