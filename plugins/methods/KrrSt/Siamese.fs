/// The differentiable augmentations of distilled images (Zhao and Bilen 2021), with the numbers that the released code of
/// KRR-ST uses. Images are float [B, C, H, W] of any range; u is float [B] in [0, 1), one draw per image.
module KdPlugins.KrrSt.Siamese

open System
open TorchSharp
open KdPlugins.Core

let private each (u: torch.Tensor) = u.view [| -1L; 1L; 1L; 1L |]
let private plus (t: torch.Tensor) (by: float) = t.add (by.ToScalar())
let private times (t: torch.Tensor) (by: float) = t.mul (by.ToScalar())

/// Adds u - 0.5.
[<Formula("siamese-brightness")>]
let Brightness (x: torch.Tensor, u: torch.Tensor) : torch.Tensor = x.add (plus (each u) -0.5)

/// Multiplies every pixel's distance from its mean over the channels by 2 u.
[<Formula("siamese-saturation")>]
let Saturation (x: torch.Tensor, u: torch.Tensor) : torch.Tensor =
    let mean = x.mean ([| 1L |], keepdim = true)
    x.sub(mean).mul(times (each u) 2.0).add mean

/// Multiplies every value's distance from the image's mean by u + 0.5.
[<Formula("siamese-contrast")>]
let Contrast (x: torch.Tensor, u: torch.Tensor) : torch.Tensor =
    let mean = x.mean ([| 1L; 2L; 3L |], keepdim = true)
    x.sub(mean).mul(plus (each u) 0.5).add mean

/// Mirrors the images whose u is below 0.5.
[<Formula("siamese-flip")>]
let Flip (x: torch.Tensor, u: torch.Tensor) : torch.Tensor = torch.where ((each u).lt((0.5).ToScalar()), x.flip 3L, x)

// The images seen through a linear map of coordinates, theta [B, 2, 2] by rows; zero outside.
let private warp (x: torch.Tensor) (rows: torch.Tensor list) =
    let none = torch.zeros_like rows.Head
    let theta = torch.stack ([| rows[0]; rows[1]; none; rows[2]; rows[3]; none |], 1L)

    let grid =
        torch.nn.functional.affine_grid (theta.view [| -1L; 2L; 3L |], x.shape, false)

    torch.nn.functional.grid_sample (x, grid, align_corners = Nullable false)

/// Scales each axis by a factor from 1 / 1.2 to 1.2.
[<Formula("siamese-scale")>]
let Scale (x: torch.Tensor, u: torch.Tensor, v: torch.Tensor) : torch.Tensor =
    let factor t = plus (times t (1.2 - 1.0 / 1.2)) (1.0 / 1.2)
    let none = torch.zeros_like u
    warp x [ factor u; none; none; factor v ]

/// Turns by -15 to 15 degrees.
[<Formula("siamese-rotate")>]
let Rotate (x: torch.Tensor, u: torch.Tensor) : torch.Tensor =
    let angle = times (plus u -0.5) (2.0 * 15.0 / 180.0 * Math.PI)
    let cos, sin = angle.cos (), angle.sin ()
    warp x [ cos; sin.neg (); sin; cos ]

// int64 [B]: from -reach to reach.
let private shifts (u: torch.Tensor) (reach: int64) =
    (times u (float (2L * reach + 1L))).floor().to_type(torch.ScalarType.Int64).sub(reach.ToScalar())

/// Moves by up to an eighth of the side along each axis; zero where nothing comes from.
[<Formula("siamese-crop")>]
let Crop (x: torch.Tensor, u: torch.Tensor, v: torch.Tensor) : torch.Tensor =
    let count, channels, height, width = x.shape[0], x.shape[1], x.shape[2], x.shape[3]

    // [B, size] source places along an axis, counted in the padded image.
    let places (draws: torch.Tensor) (size: int64) =
        let reach = int64 (float size * 0.125 + 0.5)
        let line = torch.arange (size, dtype = torch.ScalarType.Int64, device = x.device)
        reach, line.add(reach.ToScalar()).add((shifts draws reach).unsqueeze 1L)

    let reachY, rows = places u height
    let reachX, columns = places v width
    let padded = torch.nn.functional.pad (x, [| reachX; reachX; reachY; reachY |])

    let flat =
        rows.mul(padded.shape[3].ToScalar()).unsqueeze(2L).add(columns.unsqueeze 1L)

    let index =
        flat.flatten(1L).unsqueeze(1L).expand [| count; channels; height * width |]

    padded.flatten(2L).gather(2L, index).view [| count; channels; height; width |]

/// Blackens a square of half the side around a place in the image.
[<Formula("siamese-cutout")>]
let Cutout (x: torch.Tensor, u: torch.Tensor, v: torch.Tensor) : torch.Tensor =
    let inside (draws: torch.Tensor) (size: int64) =
        let side = int64 (float size * 0.5 + 0.5)

        let first =
            (times draws (float (size + 1L - side % 2L))).floor().sub((side / 2L).ToScalar())

        let line = torch.arange (size, dtype = first.dtype, device = x.device)
        let from = line.sub (first.unsqueeze 1L)
        from.ge((0).ToScalar()).logical_and(from.lt (side.ToScalar()))

    let rows, columns = inside u x.shape[2], inside v x.shape[3]
    let hole = rows.unsqueeze(2L).logical_and(columns.unsqueeze 1L)
    x.masked_fill (hole.unsqueeze 1L, (0.0).ToScalar())

/// The augmentations that a batch's one is chosen from.
let Kinds: string[] = [| "colour"; "crop"; "cutout"; "flip"; "scale"; "rotate" |]

/// The names of the draws that a kind takes, each one number per image.
let Purposes (kind: string) : string[] =
    match kind with
    | "colour" -> [| "u"; "v"; "w" |]
    | "flip"
    | "rotate" -> [| "u" |]
    | _ -> [| "u"; "v" |]

/// One of some kinds, at least one, drawn for a place: its number in Kinds.
let DrawKind (key: RandomKey, kinds: string[]) : int64 =
    int64 (Array.IndexOf(Kinds, kinds[int (key.Derive("kind").Value % uint64 kinds.Length)]))

/// The draws of a purpose for a place: as many float32 in [0, 1).
let Draw (key: RandomKey, purpose: string, count: int64) : double[] =
    use generator = key.Derive(purpose).NewGenerator torch.CPU

    use drawn = torch.rand ([| count |], dtype = torch.float32, generator = generator)

    drawn.data<float32>().ToArray() |> Array.map double

/// One of the kinds, with its draws [B] in [0, 1) in the order of Purposes.
let Change (x: torch.Tensor, kind: string, drawn: torch.Tensor[]) : torch.Tensor =
    let draws = drawn |> Array.map (fun u -> u.``to``(x.device).to_type x.dtype)

    match kind with
    | "colour" -> Contrast(Saturation(Brightness(x, draws[0]), draws[1]), draws[2])
    | "crop" -> Crop(x, draws[0], draws[1])
    | "cutout" -> Cutout(x, draws[0], draws[1])
    | "flip" -> Flip(x, draws[0])
    | "scale" -> Scale(x, draws[0], draws[1])
    | _ -> Rotate(x, draws[0])

/// One augmentation for the whole batch, drawn from the kinds, with draws per image.
/// x: float [B, C, H, W]. key: the place of the draws. kinds: at least one of Kinds.
let Apply (x: torch.Tensor, key: RandomKey, kinds: string[]) : torch.Tensor =
    let kind = Kinds[int (DrawKind(key, kinds))]

    let draw purpose = torch.tensor (Draw(key, purpose, x.shape[0]))
    Change(x, kind, Purposes kind |> Array.map draw)
