namespace KdPlugins.Infer

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// The names of the tensors that a compensated set has beside images and labels.
[<AbstractClass; Sealed>]
type internal CompensatedNames private () =

    /// uint8 [M P, ch, H, W].
    static member Codes = "compensators"

    /// float32 [M P, ch, 2].
    static member Ranges = "compensator-ranges"

    /// float32 [N, C].
    static member Logits = "instance-logits"

/// A compensator in 8 bits: value = low + code * step, per channel.
[<AbstractClass; Sealed>]
type CompensatorCode private () =

    /// (codes uint8 [1, c, H, W], range float32 [1, c, 2] of (low, step)) of a compensator [1, c, H, W]; what comes back
    /// differs by half a step at most.
    [<Formula("compensator-encode", Description = "codes and range (low, step) of a compensator in 8 bits")>]
    static member Encode(u: torch.Tensor) : struct (torch.Tensor * torch.Tensor) =
        let flat = u.detach().to_type(torch.ScalarType.Float32).flatten 2L // [1, c, H W]
        let low = flat.amin ([| 2L |], keepdim = true)
        let step = (flat.amax ([| 2L |], keepdim = true) - low).div((255.0).ToScalar())
        // A channel of one value has no step; its codes are 0.
        let codes =
            (flat - low).div(step.clamp_min ((1e-30).ToScalar())).round().clamp(0.0.ToScalar(), (255.0).ToScalar())

        struct (codes.to_type(torch.ScalarType.Byte).view_as u, torch.cat ([| low; step |], 2L))

    /// The compensators float32 [K, c, H, W] of codes [K, c, H, W] and ranges [K, c, 2].
    [<Formula("compensator-decode", Description = "low + code * step")>]
    static member Decode(codes: torch.Tensor, ranges: torch.Tensor) : torch.Tensor =
        let of4 (column: int64) = ranges.select(2L, column).unsqueeze(2L).unsqueeze 3L
        codes.to_type(torch.ScalarType.Float32).mul(of4 1L).add(of4 0L)

/// Natural images and compensators as one set of C P (M + 1) instances. Instance ((m + 1) P + p) C + c is natural image p of
/// class c with compensator (m, p); the first P C are the natural images as they are.
/// images: uint8 [P C, ch, H, W], image p of class c at p C + c. codes: uint8 [M P, ch, H, W] and ranges: float32
/// [M P, ch, 2], compensator (m, p) at m P + p; both null for none. space: whose deviations a compensator counts. All on one device; read, never changed. logits: float32 [N, C] for soft targets, null for classes.
[<Sealed>]
type CompensatedSource
    (
        images: torch.Tensor,
        codes: torch.Tensor,
        ranges: torch.Tensor,
        space: PixelSpace,
        classes: int64,
        logits: torch.Tensor
    ) =

    inherit ComputedSource("a compensated set")

    let natural = images.shape[0]

    let numbers (values: int64[]) = torch.tensor (values, device = images.device)

    override _.Count = natural + (if isNull codes then 0L else codes.shape[0] * classes)

    // s = clamp(x + u) in pixel values: [0, 1] is the clamp's range, u counts deviations.
    override _.Input indices =
        let pick (t: torch.Tensor) (rows: int64[]) = t.index_select (0L, numbers rows)

        let x =
            indices
            |> Array.map (fun n -> n % natural)
            |> pick images
            |> PixelSpace.FromBytes

        if isNull codes then
            x
        else
            let which = indices |> Array.map (fun n -> max 0L (n / classes - natural / classes))
            let compensated = indices |> Array.map (fun n -> if n < natural then 0.0f else 1.0f)
            let u = CompensatorCode.Decode(pick codes which, pick ranges which)
            let is = torch.tensor(compensated, device = images.device).view(-1L, 1L, 1L, 1L)
            x.add((space.Scale u).mul is).clamp(0.0.ToScalar(), 1.0.ToScalar())

    override _.Target indices =
        if isNull logits then
            ClassIndexTarget(torch.tensor (indices |> Array.map (fun n -> n % classes)))
        else
            SoftTarget(logits.detach().index_select(0L, numbers indices))
