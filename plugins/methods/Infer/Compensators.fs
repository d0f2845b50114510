namespace KdPlugins.Infer

open System
open System.Collections.Generic
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
/// [M P, ch, 2], compensator (m, p) at m P + p; both null for none. deviations: per channel, what a compensator's unit is in
/// pixel values. All on one device; read, never changed. logits: float32 [N, C] for soft targets, null for classes.
[<Sealed>]
type CompensatedSource
    (
        images: torch.Tensor,
        codes: torch.Tensor,
        ranges: torch.Tensor,
        deviations: IReadOnlyList<double>,
        classes: int64,
        logits: torch.Tensor
    ) =

    let natural = images.shape[0]
    let count = natural + (if isNull codes then 0L else codes.shape[0] * classes)

    let numbers (values: int64[]) = torch.tensor (values, device = images.device)

    // s = clamp(x + u) in pixel values: [0, 1] is the clamp's range, u counts deviations.
    let expand (indices: int64[]) =
        let x =
            images
                .index_select(0L, numbers (indices |> Array.map (fun n -> n % natural)))
                .to_type(torch.ScalarType.Float32)
                .div((255.0).ToScalar())

        if isNull codes then
            x
        else
            let which = indices |> Array.map (fun n -> max 0L (n / classes - natural / classes))
            let compensated = indices |> Array.map (fun n -> if n < natural then 0.0f else 1.0f)
            let rows = numbers which

            let u =
                CompensatorCode.Decode(codes.index_select (0L, rows), ranges.index_select (0L, rows))

            let unit =
                torch.tensor(Seq.toArray deviations, torch.ScalarType.Float32, images.device).view(1L, -1L, 1L, 1L)

            let is = torch.tensor(compensated, device = images.device).view(-1L, 1L, 1L, 1L)
            x.add(u.mul(unit).mul is).clamp(0.0.ToScalar(), 1.0.ToScalar())

    let targetOf (indices: int64[]) : Target =
        if isNull logits then
            ClassIndexTarget(torch.tensor (indices |> Array.map (fun n -> n % classes)))
        else
            SoftTarget(logits.detach().index_select(0L, numbers indices).cpu())

    interface IDataSource with
        member _.Count = count

        member _.Read indices =
            let asked = indices.ToArray()

            for n in asked do
                if n < 0L || n >= count then
                    raise (
                        KdException(
                            DataErrors.BadIndex,
                            $"Instance {n} of a compensated set was asked for; it has {count}."
                        )
                    )

            use _ = torch.no_grad ()
            use _ = torch.NewDisposeScope()
            let keep (t: torch.Tensor) = t.MoveToOuterDisposeScope()

            let target: Target =
                match targetOf asked with
                | :? ClassIndexTarget as t -> ClassIndexTarget(keep t.Labels)
                | :? SoftTarget as t -> SoftTarget(keep t.Values)
                | other -> other

            Batch(keep ((expand asked).cpu()), target, keep (torch.tensor asked))
