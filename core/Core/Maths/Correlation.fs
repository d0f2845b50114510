module KdPlugins.Core.Correlation

open System
open System.Collections.Generic
open KdPlugins.Torch

let private check (x: IReadOnlyList<double>) (y: IReadOnlyList<double>) =
    if x.Count <> y.Count then
        Fail.error CoreErrors.ShapesDiffer $"A correlation needs pairs, got {x.Count} and {y.Count} numbers."

    if x.Count < 2 then
        Fail.error TorchErrors.BadArgument $"A correlation needs at least two pairs, got {x.Count}."

    if Seq.append x y |> Seq.exists (Double.IsFinite >> not) then
        Fail.error TorchErrors.BadArgument "A correlation needs finite numbers."

let Pearson (x: IReadOnlyList<double>, y: IReadOnlyList<double>) =
    check x y
    let meanX, meanY = Seq.average x, Seq.average y
    let products = Seq.sum (Seq.map2 (fun a b -> (a - meanX) * (b - meanY)) x y)
    let squares (values: seq<double>) (mean: double) = values |> Seq.sumBy (fun v -> (v - mean) * (v - mean))
    products / Math.Sqrt(squares x meanX * squares y meanY)

// From 1; equal values share the mean of their ranks.
let private ranks (values: IReadOnlyList<double>) : IReadOnlyList<double> =
    values
    |> Seq.map (fun v ->
        let below = values |> Seq.filter (fun w -> w < v) |> Seq.length
        let same = values |> Seq.filter (fun w -> w = v) |> Seq.length
        float below + (float same + 1.0) / 2.0)
    |> Seq.toArray
    :> _

let Spearman (x: IReadOnlyList<double>, y: IReadOnlyList<double>) =
    check x y
    Pearson(ranks x, ranks y)

let Kendall (x: IReadOnlyList<double>, y: IReadOnlyList<double>) =
    check x y

    let signs (values: IReadOnlyList<double>) =
        [|
            for i in 0 .. values.Count - 2 do
                for j in i + 1 .. values.Count - 1 -> float (sign (values[j] - values[i]))
        |]

    let a, b = signs x, signs y
    let untied (s: float[]) = s |> Array.sumBy abs
    Array.sum (Array.map2 (*) a b) / Math.Sqrt(untied a * untied b)
