using KdPlugins.Core;

namespace KdPlugins.Meters;

/// <summary>What counts of (true class, predicted class) say; rows are true classes.</summary>
internal sealed class ClassTable(long[][] rows)
{
    private readonly long[] _true = [.. rows.Select(row => row.Sum())];
    private readonly long[] _said = [.. rows.Select((_, c) => rows.Sum(row => row[c]))];

    internal int Classes => rows.Length;

    internal long Total => _true.Sum();

    /// <summary>Samples whose class was said.</summary>
    internal long Right => rows.Select((row, c) => row[c]).Sum();

    /// <summary>Per true class the share that was right; NaN for a class without samples.</summary>
    internal double[] Recall => Each((c, hits) => Share(hits, _true[c]));

    /// <summary>Per class 2 TP / (2 TP + FP + FN); NaN for a class that neither appears nor was said.</summary>
    internal double[] F1 => Each((c, hits) => Share(2 * hits, _true[c] + _said[c]));

    /// <summary>Per class TP / (TP + FP + FN); NaN for a class that neither appears nor was said.</summary>
    internal double[] Iou => Each((c, hits) => Share(hits, _true[c] + _said[c] - hits));

    /// <summary>The mean of what is there; 0 where nothing is.</summary>
    internal static double Mean(IEnumerable<double> values) =>
        values.Where(v => !double.IsNaN(v)).DefaultIfEmpty(0).Average();

    internal MatrixDrawing Draw() => new("confusion", "Confusions", rows);

    private static double Share(long part, long whole) => whole == 0 ? double.NaN : (double)part / whole;

    private double[] Each(Func<int, long, double> of) => [.. rows.Select((row, c) => of(c, row[c]))];
}
