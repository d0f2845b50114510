module KdPlugins.Core.GroupDeviation

open System
open System.Collections.Generic
open KdPlugins.Torch

let FewestGroups = 10

let private check (groups: IReadOnlyList<double[]>) =
    if groups.Count = 0 then
        Fail.error TorchErrors.BadArgument "A deviation over groups needs groups, got none."

    for i in 1 .. groups.Count - 1 do
        if groups[i].Length <> groups[0].Length then
            Fail.error
                CoreErrors.ShapesDiffer
                $"Group {i} has {groups[i].Length} classes, group 0 has {groups[0].Length}."

// A class's (x_g - mean)^2 by group; counted from the first group, so that equal groups deviate by nothing at all.
let private squares (groups: IReadOnlyList<double[]>) (c: int) : double[] =
    let from = groups[0][c]
    let mean = (groups |> Seq.sumBy (fun g -> g[c] - from)) / float groups.Count

    [|
        for g in groups do
            let away = g[c] - from - mean
            away * away
    |]

let Value (groups: IReadOnlyList<double[]>) =
    check groups

    let deviation (c: int) = Math.Sqrt(Array.sum (squares groups c) / (float groups.Count - 1.0))

    if groups.Count = 1 then
        nan
    else
        Seq.averageBy deviation [ 0 .. groups[0].Length - 1 ]

// The value without each of the groups: of a class's sum of squares S, group i's part is (x_i - mean)^2 G / (G - 1).
let private without (groups: IReadOnlyList<double[]>) : double[] =
    let count = float groups.Count
    let values = Array.zeroCreate groups.Count
    let classes = groups[0].Length

    for c in 0 .. classes - 1 do
        let parts = squares groups c
        let all = Array.sum parts

        for i in 0 .. parts.Length - 1 do
            let rest = Math.Max(0.0, all - parts[i] * count / (count - 1.0))
            values[i] <- values[i] + Math.Sqrt(rest / (count - 2.0)) / float classes

    values

let private requireEnough (groups: IReadOnlyList<double[]>) (confidence: double) =
    if groups.Count < FewestGroups then
        Fail.error TorchErrors.BadArgument $"An interval needs at least {FewestGroups} groups, got {groups.Count}."

    if not (confidence > 0.0 && confidence < 1.0) then
        Fail.error TorchErrors.BadArgument $"A confidence is a share in (0, 1), got {confidence}."

// Tukey 1958: G log(value) - (G - 1) log(value without group i).
let private pseudoValues (groups: IReadOnlyList<double[]>) =
    let count = float groups.Count
    let whole = Math.Log(Value groups)

    without groups
    |> Array.map (fun value -> count * whole - (count - 1.0) * Math.Log value)

let private around (values: double[]) (confidence: double) : struct (double * double * double) =
    let count = float values.Length
    let mean = Array.average values

    let variance =
        (values |> Array.sumBy (fun v -> (v - mean) * (v - mean))) / (count - 1.0)

    let reach =
        StudentT.Quantile(0.5 + confidence / 2.0, count - 1.0)
        * Math.Sqrt(variance / count)

    struct (Math.Exp mean, Math.Exp(mean - reach), Math.Exp(mean + reach))

let Interval (groups: IReadOnlyList<double[]>, confidence: double) =
    check groups
    requireEnough groups confidence

    if Value groups = 0.0 then
        struct (0.0, 0.0)
    else
        let struct (_, low, high) = around (pseudoValues groups) confidence
        struct (low, high)

let Ratio (groups: IReadOnlyList<double[]>, reference: IReadOnlyList<double[]>, confidence: double) =
    check groups
    check reference
    requireEnough groups confidence

    if groups.Count <> reference.Count then
        Fail.error
            CoreErrors.ShapesDiffer
            $"A ratio of deviations needs pairs of groups, got {groups.Count} and {reference.Count} groups."

    if Value groups = 0.0 || Value reference = 0.0 then
        struct (nan, nan, nan)
    else
        around (Array.map2 (-) (pseudoValues groups) (pseudoValues reference)) confidence
