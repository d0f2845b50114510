module KdPlugins.Core.SynthesisMath

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch

[<Formula("statistics-gap", Description = "||var - running var|| + ||mean - running mean||")>]
let StatisticsGap (mean: Tensor, variance: Tensor, runningMean: Tensor, runningVariance: Tensor) =
    variance.sub(runningVariance).norm().add(mean.sub(runningMean).norm())

let Gaps (statistics: NormStatistics) : IReadOnlyList<Tensor> =
    [|
        for n in statistics.Norms -> StatisticsGap(n.Mean, n.Variance, n.RunningMean, n.RunningVariance)
    |]

[<Formula("weighted-gap", Description = "first * gaps.0 + the sum of the others")>]
let WeightedGap (gaps: IReadOnlyList<Tensor>, first: double) =
    if gaps.Count = 0 then
        Fail.error TorchErrors.BadArgument "The sum of statistics' gaps needs at least one."

    let rest = gaps |> Seq.skip 1 |> Seq.toArray
    let weighted = gaps[0].mul(first.ToScalar())

    if rest.Length = 0 then
        weighted
    else
        weighted.add (torch.stack(rest).sum())

[<Formula("pixel-range", Description = "the values that normalised images can have")>]
let PixelRange (mean: IReadOnlyList<double>, std: IReadOnlyList<double>) : struct (Tensor * Tensor) =
    use doubles = torch.empty (0L, torch.ScalarType.Float64)
    PixelSpace(mean, std).Bounds doubles

[<Formula("roll", Description = "images moved down and right, around the edges")>]
let Roll (images: Tensor, down: int64, right: int64) =
    images.roll (ReadOnlySpan [| down; right |], ReadOnlySpan [| 2L; 3L |])

[<Formula("crop-and-resize", Description = "a part of all images brought back to their size")>]
let CropAndResize (images: Tensor, top: int64, left: int64, height: int64, width: int64) =
    let part = images.narrow(2L, top, height).narrow(3L, left, width)

    if height = images.shape[2] && width = images.shape[3] then
        part
    else
        torch.nn.functional.interpolate (
            part,
            size = [| images.shape[2]; images.shape[3] |],
            mode = torch.InterpolationMode.Bilinear,
            align_corners = Nullable false
        )

let DrawCrop (random: SeededRandom, height: int64, width: int64) : struct (int64 * int64 * int64 * int64) =
    let ratio = Math.Log(4.0 / 3.0)

    let trial _ =
        let area = float (height * width) * random.NextUniform(0.08, 1.0)
        let aspect = Math.Exp(random.NextUniform(-ratio, ratio))
        let w = int64 (Math.Round(Math.Sqrt(area * aspect)))
        let h = int64 (Math.Round(Math.Sqrt(area / aspect)))

        if w >= 1L && h >= 1L && w <= width && h <= height then
            let top = random.NextInt64(height - h + 1L)
            Some(struct (top, random.NextInt64(width - w + 1L), h, w))
        else
            None

    Seq.init 10 trial
    |> Seq.tryPick id
    |> Option.defaultValue (struct (0L, 0L, height, width))

[<Formula("cosine-decay", Description = "(1 + cos(pi step / total)) / 2")>]
let CosineDecay (step: int64, total: int64) = 0.5 * (1.0 + Math.Cos(Math.PI * float step / float total))
