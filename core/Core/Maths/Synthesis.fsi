/// Images that are optimised instead of weights: batch-norm statistics to match, and what is done to a whole batch
/// between the images and the network. Pure functions with graph to the images.
module KdPlugins.Core.SynthesisMath

open System.Collections.Generic
open TorchSharp

/// How far a batch is from what a batch norm has seen: ||var - running var||_2 + ||mean - running mean||_2 (Yin et al.
/// 2020, equation 4, norms not squared). All [C]; a scalar, 0 where they are equal (there its gradient is 0 too).
val StatisticsGap:
    mean: torch.Tensor * variance: torch.Tensor * runningMean: torch.Tensor * runningVariance: torch.Tensor ->
        torch.Tensor

/// StatisticsGap of every norm of a pass, in the order of computation.
val Gaps: statistics: NormStatistics -> IReadOnlyList<torch.Tensor>

/// first * gaps[0] + the sum of the other gaps; a scalar. Raises KDP0004 for none.
val WeightedGap: gaps: IReadOnlyList<torch.Tensor> * first: double -> torch.Tensor

/// (lowest, highest) value per channel that normalised images can have: -mean/std and (1 - mean)/std, each [1, C, 1, 1]
/// of float64 on the CPU. Raises KDP0303 where there are not as many means as deviations.
val PixelRange: mean: IReadOnlyList<double> * std: IReadOnlyList<double> -> struct (torch.Tensor * torch.Tensor)

/// Images [N, C, H, W] moved down and right, what leaves on one side coming back on the other. A permutation of pixels.
val Roll: images: torch.Tensor * down: int64 * right: int64 -> torch.Tensor

/// A part of all images [N, C, H, W], brought back to height and width (bilinear). The part has to lie inside.
val CropAndResize: images: torch.Tensor * top: int64 * left: int64 * height: int64 * width: int64 -> torch.Tensor

/// A place for a part of an image as (top, left, height, width): its area a share in [0.08, 1] of the image's, its
/// ratio in [3/4, 4/3] (log-uniform); after ten vain trials the whole image (Szegedy et al. 2015, as in torchvision).
val DrawCrop:
    random: KdPlugins.Torch.SeededRandom * height: int64 * width: int64 -> struct (int64 * int64 * int64 * int64)

/// The multiplier (1 + cos(pi step / total)) / 2, without warm-up.
val CosineDecay: step: int64 * total: int64 -> double
