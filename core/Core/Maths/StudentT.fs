module KdPlugins.Core.StudentT

open System
open KdPlugins.Torch

// Lanczos 1964, g = 7.
let private lanczos =
    [|
        0.99999999999980993
        676.5203681218851
        -1259.1392167224028
        771.32342877765313
        -176.61502916214059
        12.507343278686905
        -0.13857109526572012
        9.9843695780195716e-6
        1.5056327351493116e-7
    |]

let private logGamma (x: float) =
    let x = x - 1.0
    let t = x + 7.5

    let sum =
        Seq.fold (fun sum i -> sum + lanczos[i] / (x + float i)) lanczos[0] [ 1..8 ]

    0.5 * Math.Log(2.0 * Math.PI) + (x + 0.5) * Math.Log t - t + Math.Log sum

// The continued fraction of the incomplete beta function by Lentz's method.
let private fraction (a: float) (b: float) (x: float) =
    let nonZero v = if abs v < 1e-300 then 1e-300 else v
    let mutable c = 1.0
    let mutable d = 1.0 / nonZero (1.0 - (a + b) * x / (a + 1.0))
    let mutable value = d
    let mutable m = 1.0
    let mutable go = true

    let advance term =
        d <- 1.0 / nonZero (1.0 + term * d)
        c <- nonZero (1.0 + term / c)
        value <- value * d * c

    while go do
        advance (m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)))
        advance (-(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)))
        go <- abs (d * c - 1.0) > 1e-15 && m < 500.0
        m <- m + 1.0

    value

let private beta (a: float) (b: float) (x: float) =
    let front =
        exp (logGamma (a + b) - logGamma a - logGamma b + a * log x + b * log (1.0 - x))

    if x < (a + 1.0) / (a + b + 2.0) then
        front * fraction a b x / a
    else
        1.0 - front * fraction b a (1.0 - x) / b

// The probability of more than t, for t above 0.
let private tail (t: float) (freedom: float) = 0.5 * beta (freedom / 2.0) 0.5 (freedom / (freedom + t * t))

let private upper (share: float) (freedom: float) =
    let mutable low, high = 0.0, 1.0

    while tail high freedom > share do
        high <- 2.0 * high

    for _ in 1..200 do
        let middle = 0.5 * (low + high)

        if tail middle freedom > share then
            low <- middle
        else
            high <- middle

    0.5 * (low + high)

let Quantile (probability: double, freedom: double) =
    if not (probability > 0.0 && probability < 1.0 && freedom > 0.0) then
        Fail.error
            TorchErrors.BadArgument
            $"A quantile needs a probability in (0, 1) and a freedom above 0, got {probability} and {freedom}."

    if probability = 0.5 then
        0.0
    elif probability > 0.5 then
        upper (1.0 - probability) freedom
    else
        -(upper probability freedom)
