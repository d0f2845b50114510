/// How much the mean answer of a network differs from one group of samples to the next: per class the unbiased standard
/// deviation over the groups, then the mean over the classes (Wang, Lohit, Jones, Fu 2022, "T. stddev"). Its confidence
/// intervals come from leaving out one group at a time (Tukey's jackknife) on the logarithm of the value.
/// groups: at least one, each the mean over its samples of the classes' probabilities, all of one length.
module KdPlugins.Core.GroupDeviation

open System.Collections.Generic

/// The fewest groups that an interval is made of.
val FewestGroups: int

/// Mean over classes of the standard deviation over groups; NaN for a single group. Raises KDP0303 for groups of
/// different lengths, KDP0004 for none.
val Value: groups: IReadOnlyList<double[]> -> double

/// The interval in which the value of infinitely many groups lies with the given confidence, a share in (0, 1). Both ends
/// are 0 where the groups do not differ. Raises KDP0004 for fewer than FewestGroups.
val Interval: groups: IReadOnlyList<double[]> * confidence: double -> struct (double * double)

/// The ratio of two values, and its interval, where the n-th groups of both come from the same samples: what both share
/// cancels, so that small differences show. NaN where one of the values is 0. Raises KDP0303 where the numbers of groups
/// differ.
val Ratio:
    groups: IReadOnlyList<double[]> * reference: IReadOnlyList<double[]> * confidence: double ->
        struct (double * double * double)
