using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>The classes of labels that are written as names or as numbers.</summary>
/// <param name="Count">How many, at least 1.</param>
/// <param name="Names">As many, or none where labels are numbers.</param>
internal sealed record ClassList(int Count, IReadOnlyList<string> Names)
{
    private const int Most = 1_000_000;

    /// <summary>
    /// Names that were given; or else numbers from 0, where all training labels are such; or else the training labels in ordinal
    /// order.
    /// </summary>
    /// <param name="given">The names in the order of their numbers; empty for none.</param>
    /// <param name="training">Labels of the training split.</param>
    /// <param name="place">Where they stand, for messages.</param>
    /// <exception cref="KdException"><c>KDP0405</c>: a number too large, or a name given twice.</exception>
    public static ClassList Of(IReadOnlyList<string> given, IReadOnlyList<string> training, string place)
    {
        if (given.Count > 0)
            return given.Distinct().Count() == given.Count
                ? new(given.Count, [.. given])
                : throw new KdException(
                    DataErrors.LabelOutOfRange,
                    $"A class of '{place}' is named twice.",
                    "Name each class once."
                );
        if (training.All(label => Number(label) >= 0))
        {
            var largest = training.Max(Number);
            return largest < Most
                ? new(largest + 1, [])
                : throw new KdException(
                    DataErrors.LabelOutOfRange,
                    $"'{place}' has the label {largest}; labels that are numbers count from 0 and are below {Most}."
                );
        }
        string[] names = [.. training.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return new(names.Length, names);
    }

    /// <summary>The numbers of labels.</summary>
    /// <param name="labels">As they are written.</param>
    /// <param name="place">Where the label of a number stands, for messages.</param>
    /// <exception cref="KdException"><c>KDP0405</c>: one that is no class.</exception>
    public long[] NumbersOf(IReadOnlyList<string> labels, Func<int, string> place)
    {
        var known = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var i = 0; i < Names.Count; i++)
            known[Names[i]] = i;
        var numbers = new long[labels.Count];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] =
                known.TryGetValue(labels[i], out var number) ? number
                : Number(labels[i]) is >= 0 and var index && index < Count ? index
                : throw new KdException(
                    DataErrors.LabelOutOfRange,
                    $"{place(i)} has the label '{SafeText.Line(labels[i][..Math.Min(labels[i].Length, 80)])}', "
                        + $"which is none of the {Count} classes."
                );
        return numbers;
    }

    private static int Number(string label) =>
        int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;
}
