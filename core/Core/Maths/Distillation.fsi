/// The maths that several distillation losses share: pure functions from tensors to tensors. Logits are float [B, C],
/// maps [B, C, h, w] or token sequences [B, L, V]; half precision is widened to float32 first.
module KdPlugins.Core.KdMath

open TorchSharp

/// The dimension along which the classes of logits lie: 1 of [B, C] and of maps [B, C, h, w], 2 of sequences [B, L, V].
val ClassDimension: logits: torch.Tensor -> int64

/// log softmax(logits / temperature) along the class dimension, in float32 at least; the shape of the logits.
val LogProbabilities: logits: torch.Tensor * temperature: double -> torch.Tensor

/// The divergence of every position: t^2 * sum_c p_c log(p_c / q_c) with p, q the softmax of teacher and student at
/// temperature t (Hinton, Vinyals and Dean 2015, section 2). The factor t^2 keeps the gradient's size independent of t.
/// student, teacher: logits of the same shape; temperature: above 0. Gives the logits' shape without the class
/// dimension, every value at least 0 up to rounding. Raises KDP0303 where the shapes differ and KDP0004 for a
/// temperature that is not above 0.
val KlDivergences: student: torch.Tensor * teacher: torch.Tensor * temperature: double -> torch.Tensor

/// The mean of KlDivergences over all positions; a scalar. Its gradient by the student's logits is
/// t (q - p) / positions.
val KlDivergence: student: torch.Tensor * teacher: torch.Tensor * temperature: double -> torch.Tensor

/// The mean over all positions of -sum_c p_c log softmax(logits)_c; a scalar. probabilities: the logits' shape.
/// Raises KDP0303 where the shapes differ.
val SoftCrossEntropy: logits: torch.Tensor * probabilities: torch.Tensor -> torch.Tensor
