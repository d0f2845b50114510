/// How two lists of numbers go together. Every coefficient is in [-1, 1], NaN where one of the lists does not vary.
/// Raises KDP0303 where the lists differ in length, KDP0004 for fewer than two pairs or numbers that are not
/// finite.
module KdPlugins.Core.Correlation

open System.Collections.Generic

/// Pearson's coefficient: of the values.
val Pearson: x: IReadOnlyList<double> * y: IReadOnlyList<double> -> double

/// Spearman's coefficient: of the ranks, ties sharing the mean of theirs.
val Spearman: x: IReadOnlyList<double> * y: IReadOnlyList<double> -> double

/// Kendall's tau-b: pairs in order less pairs out of order, corrected for ties.
val Kendall: x: IReadOnlyList<double> * y: IReadOnlyList<double> -> double
