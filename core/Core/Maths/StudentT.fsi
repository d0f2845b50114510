/// Student's t distribution, for confidence intervals of means.
module KdPlugins.Core.StudentT

/// The value that a t-distributed number of so many degrees of freedom stays below with the given probability.
/// probability: in (0, 1); freedom: above 0. Exact to about 1e-10. Raises KDP0004 outside these bounds.
val Quantile: probability: double * freedom: double -> double
