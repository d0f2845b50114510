namespace KdPlugins.SpeculativeKd

open TorchSharp
open KdPlugins.Core

/// How tokens are drawn. A draw is the inverse of the distribution function at a given number, so that the same numbers give the same text
/// whatever else was drawn between.
[<AbstractClass; Sealed>]
type Drawing private () =

    /// Probabilities after temperature and nucleus: the likeliest tokens, until they have the mass topP, the one that reaches it included.
    /// logits: [N, V]. temperature: 0 for the likeliest token alone. topP: above 0 to 1. Gives float64 [N, V].
    [<Formula("warped", Description = "probabilities after temperature and nucleus")>]
    static member Warped(logits: torch.Tensor, temperature: double, topP: double) : torch.Tensor =
        let wide = logits.to_type torch.ScalarType.Float64

        if temperature = 0.0 then
            torch.nn.functional.one_hot(wide.argmax -1L, wide.shape[1]).to_type torch.ScalarType.Float64
        else
            let p = (wide / temperature.ToScalar()).softmax -1L

            if topP >= 1.0 then
                p
            else
                let struct (sorted, order) = p.sort (-1L, descending = true, stable = true)
                let before = sorted.cumsum -1L - sorted
                let cut = sorted.masked_fill (before.ge (topP.ToScalar()), 0.0.ToScalar())
                let kept = torch.zeros_like(p).scatter(-1L, order, cut)
                kept / kept.sum (-1L, keepdim = true)

    /// The first token up to which the probabilities sum to more than a number.
    /// probabilities: float64 [N, V]. at: float64 [N] in [0, 1). Gives int64 [N].
    [<Formula("drawn", Description = "tokens at numbers from 0 to 1 of the distribution function")>]
    static member At(probabilities: torch.Tensor, at: torch.Tensor) : torch.Tensor =
        let upTo = probabilities.cumsum -1L
        let whole = upTo.narrow (-1L, -1L, 1L)
        (upTo.le (at.unsqueeze -1L * whole)).sum -1L

/// The numbers that the texts of a batch are drawn with, one for each text and place of its answer.
/// key: of the batch. rows: texts. places: the most tokens of an answer.
[<Sealed>]
type internal DrawnNumbers(key: RandomKey, rows: int, places: int) =
    let numbers (purpose: string) =
        use random = key.Derive(purpose).NewGenerator torch.CPU

        use drawn =
            torch.rand ([| int64 rows; int64 places |], torch.ScalarType.Float64, generator = random)

        drawn.data<double>().ToArray()

    let student, teacher, second =
        numbers "student", numbers "teacher", lazy (numbers "second")

    /// For the student's tokens.
    member _.Student(row: int, place: int) = student[row * places + place]

    /// For the teacher's.
    member _.Teacher(row: int, place: int) = teacher[row * places + place]

    /// For the student's second draws.
    member _.Second(row: int, place: int) = second.Value[row * places + place]
