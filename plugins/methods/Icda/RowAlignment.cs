using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Icda;

/// <summary>Makes two views of one batch speak of the same samples, row by row.</summary>
internal static class RowAlignment
{
    /// <summary>
    /// The rows of a view in the order of another one, whose augmentations may have picked, repeated or reordered samples.
    /// The view itself where they did not.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0306</c>: the other view has samples that this one lacks.</exception>
    internal static Batch Like(Batch other, Batch view)
    {
        var wanted = other.Indices.data<long>().ToArray();
        var given = view.Indices.data<long>().ToArray();
        if (wanted.AsSpan().SequenceEqual(given))
            return view;
        var rowOf = new Dictionary<long, long>();
        for (var row = 0; row < given.Length; row++)
            rowOf.TryAdd(given[row], row);
        return view.Select(tensor(Array.ConvertAll(wanted, index => Row(rowOf, index))));
    }

    // Generated samples all have the number -1: there is no telling which is which.
    private static long Row(Dictionary<long, long> rowOf, long index) =>
        index >= 0 && rowOf.TryGetValue(index, out var row)
            ? row
            : throw new KdException(
                CoreErrors.WrongCombination,
                $"Strategy 'icda': the student's view has sample {index}, the teacher's has not.",
                "Let augmentations that pick samples stand among the student's own or the shared ones."
            );
}
