/// What losses on feature maps share: pure functions of float [B, C, h, w] and the like, with graph to them.
module KdPlugins.Core.FeatureMath

open TorchSharp

/// Vectors of length 1 along a dimension; vectors of length 0 stay, with a finite gradient.
val Unit: values: torch.Tensor * dimension: int -> torch.Tensor

/// The attention map of Zagoruyko and Komodakis 2017 (F_sum^2, section 3.1): the mean over channels of F^2 at every position,
/// as a vector of length 1 over the positions. map: [B, C, h, w]; gives [B, h w].
val Attention: map: torch.Tensor -> torch.Tensor

/// Maps brought to a height and width between their values (bilinear), such as logits to the size of their labels; those of that
/// size come back as they are. maps: [B, C, h, w]. alignCorners: whether corner pixels fall on corner pixels, as in many code
/// bases of semantic segmentation; else pixels are areas (torchvision).
val Enlarge: maps: torch.Tensor * height: int64 * width: int64 * alignCorners: bool -> torch.Tensor
