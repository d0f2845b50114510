module KdPlugins.Core.KdMath

open System
open System.Globalization
open TorchSharp
open KdPlugins.Torch

let private widened (t: Tensor) =
    match t.dtype with
    | torch.ScalarType.BFloat16
    | torch.ScalarType.Float16 -> t.``to`` torch.ScalarType.Float32
    | _ -> t

let private sameShape what (left: Tensor) nameOfLeft (right: Tensor) nameOfRight =
    if not (MemoryExtensions.SequenceEqual(ReadOnlySpan left.shape, ReadOnlySpan right.shape)) then
        let text (t: Tensor) = TensorText.Shape(ReadOnlySpan t.shape)

        Fail.error
            CoreErrors.ShapesDiffer
            $"{what} needs one shape: {nameOfLeft} are {text left}, {nameOfRight} are {text right}."

let ClassDimension (logits: Tensor) = if logits.dim () = 3L then 2L else 1L

let LogProbabilities (logits: Tensor, temperature: double) =
    if not (temperature > 0.0) then
        let got = temperature.ToString CultureInfo.InvariantCulture
        Fail.error TorchErrors.BadArgument $"A temperature has to be above 0, got {got}."

    let wide = widened logits

    let scaled =
        if temperature = 1.0 then
            wide
        else
            wide.div (temperature.ToScalar())

    torch.nn.functional.log_softmax (scaled, ClassDimension logits)

[<Formula("kl-divergences", Description = "t^2 KL(teacher || student) of every position")>]
let KlDivergences (student: Tensor, teacher: Tensor, temperature: double) =
    sameShape "The divergence of teacher and student" student "the student's logits" teacher "the teacher's logits"
    let logQ = LogProbabilities(student, temperature)
    let logP = LogProbabilities(teacher, temperature)
    let terms = logP.exp().mul(logP.sub logQ)
    terms.sum(ClassDimension student).mul((temperature * temperature).ToScalar())

let KlDivergence (student: Tensor, teacher: Tensor, temperature: double) =
    KlDivergences(student, teacher, temperature).mean()

[<Formula("soft-cross-entropy", Description = "the mean of -sum p log softmax")>]
let SoftCrossEntropy (logits: Tensor, probabilities: Tensor) =
    sameShape "The cross-entropy with soft targets" logits "the logits" probabilities "the targets"
    LogProbabilities(logits, 1.0).mul(widened probabilities).sum(ClassDimension logits).mean().neg()
