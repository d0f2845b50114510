namespace KdPlugins.Sre2l

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// Recovers images from a network: state of the run, a source, and the stage "recover".
[<Sealed>]
type internal Recovering(context: IPlanContext, options: Sre2lOptions) =
    inherit ComputedSource("a recovered set")

    let classes = context.Data.Classes
    let shape = Seq.toArray context.Data.InputShape
    let space = PixelSpace.Of context.Data
    let total = int64 options.ImagesPerClass * classes
    let size = min total (int64 options.BatchSize)

    let images =
        SmallSet.Zeros(context, "images", torch.ScalarType.Byte, Array.append [| total |] shape, trained = false)

    // The batch that is being recovered, normalised: z [size, ch, H, W].
    let inversion =
        Inversion(context, options, "batch", "z", Array.append [| size |] shape)

    let z = inversion.Values

    let start (step: IStepContext) =
        use generator = step.Random.Derive("noise").NewGenerator context.Device

        z.copy_ (torch.randn (z.shape, device = context.Device, generator = generator))
        |> ignore

    // Where the images of a batch begin, and how many they are.
    let place (item: int64) =
        let first = item * size
        struct (first, min size (total - first))

    let pixels (count: int64) = space.ToPixels(z.narrow (0L, 0L, count))

    // Equation 6: L = CE + alpha_BN R_BN.
    let batch (item: int64) =
        let struct (first, count) = place item
        let numbers = torch.arange (first, first + count, device = context.Device)
        struct (pixels count, numbers.remainder (classes.ToScalar()))

    let keep (item: int64) =
        let struct (first, count) = place item

        images.narrow(0L, first, count).copy_(PixelSpace.ToBytes(pixels count))
        |> ignore

    /// uint8 [N, ch, H, W]; image i is of class i mod C.
    member _.Images: torch.Tensor = images

    /// "recover". After every update each channel stays within what pixels can be.
    member _.Stage =
        inversion.Stage(
            "recover",
            (total + size - 1L) / size,
            (fun _ -> options.Teacher),
            start,
            batch,
            (fun () -> space.Clamp z),
            keep
        )

    override _.Count = total

    override _.Input numbers =
        images.detach().index_select(0L, torch.tensor (numbers, device = images.device))

    override _.Target numbers = ClassIndexTarget(torch.tensor(numbers).remainder(classes.ToScalar()))
