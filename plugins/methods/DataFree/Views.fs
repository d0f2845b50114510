namespace KdPlugins.DataFree

open TorchSharp
open KdPlugins.Torch

/// Random views of generated images that a gradient goes back through, each image its own.
[<AbstractClass; Sealed>]
type internal Views private () =

    // rows: for each image the scale and the shift of both sides, in halves of the image, and whether it is mirrored.
    static let sampled (images: torch.Tensor) (rows: (struct (float * float * float * float * bool))[]) : torch.Tensor =
        let theta =
            [|
                for struct (height, width, down, right, mirrored) in rows do
                    let width = if mirrored then -width else width
                    yield! [| float32 width; 0.0f; float32 right; 0.0f; float32 height; float32 down |]
            |]

        let maps = torch.tensor(theta, device = images.device).view(-1L, 2L, 3L)

        let grid =
            torch.nn.functional.affine_grid (maps, images.shape, align_corners = false)

        torch.nn.functional.grid_sample (
            images,
            grid,
            torch.GridSampleMode.Bilinear,
            torch.GridSamplePaddingMode.Zeros,
            System.Nullable false
        )

    /// A crop of the same size from the images with a border of 4 zeros, mirrored one time in two.
    static member Global(images: torch.Tensor, random: SeededRandom) : torch.Tensor =
        let shift (side: int64) = 2.0 * float (random.NextInt64 9L - 4L) / float side

        [|
            for _ in 1L .. images.shape[0] ->
                struct (1.0, 1.0, shift images.shape[2], shift images.shape[3], random.NextBool 0.5)
        |]
        |> sampled images

    /// A part of 25 to 100 % of the area, at a ratio of 3:4 to 4:3, brought back to full size and mirrored one time in two.
    static member Local(images: torch.Tensor, random: SeededRandom) : torch.Tensor =
        let one _ =
            let area, ratio =
                random.NextUniform(0.25, 1.0), exp (random.NextUniform(-log(4.0 / 3.0), log (4.0 / 3.0)))

            let height, width = min 1.0 (sqrt (area / ratio)), min 1.0 (sqrt (area * ratio))
            let place (side: float) = random.NextUniform(-1.0, 1.0) * (1.0 - side)
            struct (height, width, place height, place width, random.NextBool 0.5)

        Array.init (int images.shape[0]) one |> sampled images
