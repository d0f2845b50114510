module KdPlugins.Core.LabelMath

open System
open System.Collections.Generic
open System.Globalization
open TorchSharp
open KdPlugins.Torch

[<Formula("blend", Description = "share * values + (1 - share) * values[partners]")>]
let Blend (values: Tensor, partners: Tensor, share: double) =
    if not (share >= 0.0 && share <= 1.0) then
        let got = share.ToString CultureInfo.InvariantCulture
        Fail.error TorchErrors.BadArgument $"A share has to be from 0 to 1, got {got}."

    if partners.dim () <> 1L || partners.shape[0] <> values.shape[0] then
        Fail.error
            CoreErrors.ShapesDiffer
            $"A blend of {TensorText.Describe values} needs as many partners, got {TensorText.Describe partners}."

    values.mul(share.ToScalar()).add(values.index_select(0L, partners).mul((1.0 - share).ToScalar()))

[<Formula("mean-logits", Description = "the mean of several teachers' logits")>]
let MeanLogits (logits: IReadOnlyList<Tensor>) =
    if logits.Count = 0 then
        Fail.error TorchErrors.BadArgument "The mean of teachers' logits needs at least one teacher."

    for other in logits do
        if not (MemoryExtensions.SequenceEqual(ReadOnlySpan logits[0].shape, ReadOnlySpan other.shape)) then
            Fail.error
                CoreErrors.ShapesDiffer
                $"Teachers answered with logits {TensorText.Describe logits[0]} and {TensorText.Describe other}."

    if logits.Count = 1 then
        logits[0]
    else
        torch.stack(Seq.toArray logits, 0L).mean([| 0L |])
