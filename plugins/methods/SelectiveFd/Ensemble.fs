namespace KdPlugins.SelectiveFd

open TorchSharp
open KdPlugins.Core

/// What clients say together, and what is learnt of it.
[<AbstractClass; Sealed>]
type Ensemble private () =

    /// sum_k m_k p_k / sum_k m_k of answers [K, B, C] and masks [K, B] of 0 and 1: [B, C]; 0 where nobody answers.
    [<Formula("ensemble", Description = "the mean of the answers that count: sum m_k p_k / sum m_k")>]
    static member Of(answers: torch.Tensor, masks: torch.Tensor) : torch.Tensor =
        let weights = masks / masks.sum(0L, true).clamp_min(1.0.ToScalar())
        (answers * weights.unsqueeze 2L).sum(0L)

    /// -sum_c p_c log p_c of every row, in nats: [B] of [B, C]; 0 log 0 is 0.
    [<Formula("entropy", Description = "-sum p log p of every row, in nats")>]
    static member Entropy(probabilities: torch.Tensor) : torch.Tensor = torch.special.entr(probabilities).sum(1L)

    /// -sum_c y_c log softmax(f)_c, the mean over the rows of logits f [B, C]; y [B, C] is constant.
    [<Formula("soft-cross-entropy", Description = "-sum y log softmax(f), the mean over rows")>]
    static member SoftCrossEntropy(logits: torch.Tensor, targets: torch.Tensor) : torch.Tensor =
        (targets.detach () * logits.log_softmax 1L).sum(1L).mean().neg()
