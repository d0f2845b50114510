namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp

[<Sealed>]
type PixelSpace(mean: IReadOnlyList<double>, std: IReadOnlyList<double>) =

    do
        if mean.Count <> std.Count then
            Fail.error CoreErrors.ShapesDiffer $"There are {mean.Count} means and {std.Count} deviations of channels."

    let like (t: Tensor) (values: IReadOnlyList<double>) =
        torch.tensor(Seq.toArray values, t.dtype, t.device).view(1L, -1L, 1L, 1L)

    static member Of(data: DataInfo) =
        let known (values: IReadOnlyList<double>) (fallback: double) : IReadOnlyList<double> =
            if values.Count > 0 then
                values
            else
                Array.create (int data.InputShape[0]) fallback

        PixelSpace(known data.Mean 0.0, known data.Std 1.0)

    member _.Mean = mean

    member _.Std = std

    member _.Normalise(pixels: Tensor) = pixels.sub(like pixels mean).div_(like pixels std)

    member _.ToPixels(normalised: Tensor) = normalised.mul(like normalised std).add(like normalised mean)

    member _.Scale(deviations: Tensor) = deviations.mul (like deviations std)

    member _.Bounds(values: Tensor) : struct (Tensor * Tensor) =
        let below, unit = (like values mean).neg(), like values std
        struct (below.div unit, below.add((1.0).ToScalar()).div unit)

    member this.Clamp(normalised: Tensor) =
        use _ = torch.no_grad ()
        let struct (low, high) = this.Bounds normalised

        normalised.copy_ (torch.minimum (torch.maximum (normalised, low), high))
        |> ignore

    member _.Range =
        ValueRange(
            Seq.map2 (fun m s -> -m / s) mean std |> Seq.min,
            Seq.map2 (fun m s -> (1.0 - m) / s) mean std |> Seq.max
        )

    static member ToBytes(pixels: Tensor) =
        pixels.mul((255.0).ToScalar()).round().clamp((0.0).ToScalar(), (255.0).ToScalar()).to_type torch.ScalarType.Byte

    static member FromBytes(bytes: Tensor) = bytes.to_type(torch.ScalarType.Float32).div((255.0).ToScalar())
