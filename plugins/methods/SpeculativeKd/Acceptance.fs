namespace KdPlugins.SpeculativeKd

open TorchSharp
open KdPlugins.Core

/// What a teacher made of a draft.
type Verdict =
    {
        /// int64 [Accepted, one more where Corrected].
        Emitted: torch.Tensor

        /// How many of the draft's first tokens it kept.
        Accepted: int64

        /// 1 where the last of the emitted is its own, else 0.
        Corrected: int64
    }

/// Which proposals a teacher keeps; equation 2 of the sheet's section 2, a_i = 1[y_i in TopK(p_i, K)].
[<AbstractClass; Sealed>]
type Acceptance private () =

    /// Whether tokens are kept. Ranks are by score; of equal ones the smaller id is first.
    /// logits: the teacher's, [N, V]. ids: int64 [N]. k: of top-k, clamped to 0..V. mass: of below-mass; p(up to and including the token)
    /// < mass, or the first in rank. Gives bool [N].
    [<Formula("admitted", Description = "whether tokens are among the K likeliest, or below a mass")>]
    static member Admitted
        (logits: torch.Tensor, ids: torch.Tensor, rule: AcceptanceRule, k: int64, mass: double)
        : torch.Tensor =
        let own = logits.gather (-1L, ids.unsqueeze -1L)
        let others = torch.arange (logits.shape[1], device = logits.device)

        let ahead =
            (logits.gt own).logical_or((logits.eq own).logical_and(others.lt (ids.unsqueeze -1L)))

        let rank = ahead.sum -1L

        match rule with
        | AcceptanceRule.TopK -> rank.lt (k.ToScalar())
        | _ ->
            // What comes behind the token, so that the last in rank has the mass 1 without rounding.
            let behind = ahead.logical_or(others.eq (ids.unsqueeze -1L)).logical_not()
            let p = logits.to_type(torch.ScalarType.Float64).softmax -1L
            let upTo = (p.mul behind).sum(-1L).neg().add(1.0.ToScalar())
            (rank.eq (0L.ToScalar())).logical_or(upTo.lt (mass.ToScalar()))

    /// How many of a draft's first tokens are kept. kept: bool, of each.
    static member Leading(kept: bool[]) =
        match Array.tryFindIndex not kept with
        | Some first -> first
        | None -> kept.Length

    /// A draft and what the teacher makes of it: the tokens before the first that it refuses, and its own in that one's place. All are
    /// kept: nothing is added.
    /// logits: the teacher's at the draft's places and further, [at least N, V]. draft: int64 [N]. replacement: what the teacher draws.
    [<Formula("verify", Description = "a draft, the teacher's logits at its places, and what is emitted")>]
    static member Verify
        (logits: torch.Tensor, draft: torch.Tensor, rule: AcceptanceRule, k: int64, mass: double, replacement: int64)
        : Verdict =
        let count = draft.shape[0]

        let kept =
            Acceptance.Admitted(logits.narrow (0L, 0L, count), draft, rule, k, mass).cpu().data<bool>().ToArray()

        let accepted = Acceptance.Leading kept
        let leading = draft.narrow (0L, 0L, int64 accepted)

        let isWhole = int64 accepted = count
        let own = torch.tensor ([| replacement |], device = draft.device)

        {
            Emitted = if isWhole then leading else torch.cat [| leading; own |]
            Accepted = int64 accepted
            Corrected = if isWhole then 0L else 1L
        }

    /// K in a draft of a text. k: at its beginning. expected: E, 0 for a K that stays. draft: the number of drafts before.
    [<Formula("adaptive-k", Description = "K after a number of drafts")>]
    static member AdaptiveK(k: int64, expected: int64, draft: int64) : int64 =
        if expected = 0L || k = 0L then
            k
        else
            let fall = max ((k + expected - 1L) / expected) 1L
            let every = max (expected / k) 1L
            max (k - fall * (draft / every)) 1L
