/// Soft labels: what several teachers say together, and what becomes of labels when samples are blended.
module KdPlugins.Core.LabelMath

open System.Collections.Generic
open TorchSharp

/// share * values + (1 - share) * values[partners], along the first dimension: a blend of samples in pairs (Zhang et al.
/// 2018), for images, probabilities or logits [B, ...] alike. partners: int64 [B] on the values' device. share: in
/// [0, 1]. Raises KDP0004 for a share outside, KDP0303 where partners are not as many as the samples.
val Blend: values: torch.Tensor * partners: torch.Tensor * share: double -> torch.Tensor

/// The mean of several teachers' logits of one shape, before any softmax. Raises KDP0004 for none, KDP0303 where the
/// shapes differ.
val MeanLogits: logits: IReadOnlyList<torch.Tensor> -> torch.Tensor
