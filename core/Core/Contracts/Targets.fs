namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch


/// The kinds of target that exist. The family is closed: losses and metrics are written against it.
type TargetKind =
    /// No target: unlabelled data.
    | None = 0
    /// One class per sample.
    | ClassIndex = 1
    /// A probability (or any real value) per class and sample.
    | Soft = 2
    /// One class per pixel.
    | ClassMap = 3
    /// Boxes with classes, any number per sample.
    | Boxes = 4
    /// Token ids, one sequence per sample.
    | Tokens = 5

/// What a batch's samples ought to be answered with. One of the sealed classes below.
[<AbstractClass; AllowNullLiteral>]
type Target internal (kind: TargetKind, count: int64) =

    /// Which of the family it is.
    member _.Kind = kind

    /// The number of samples.
    member _.Count = count

    /// The same target on a device.
    abstract To: device: torch.Device -> Target

    /// The rows that an int64 tensor of row numbers [K] picks, in that order.
    abstract Select: rows: Tensor -> Target

/// Unlabelled data.
[<Sealed>]
type NoTarget(count: int64) =
    inherit Target(TargetKind.None, count)

    override this.To _ = this
    override _.Select rows = NoTarget rows.NumberOfElements

/// One class per sample: int64 [B], values in 0..C-1.
[<Sealed>]
type ClassIndexTarget(labels: Tensor) =
    inherit Target(TargetKind.ClassIndex, labels.shape[0])

    /// int64 [B].
    member _.Labels = labels

    override _.To device = ClassIndexTarget(labels.``to`` device)
    override _.Select rows = ClassIndexTarget(labels.index_select (0L, rows))

/// A value per class: float [B, C]; probabilities where a loss says so.
[<Sealed>]
type SoftTarget(values: Tensor) =
    inherit Target(TargetKind.Soft, values.shape[0])

    /// float [B, C].
    member _.Values = values

    override _.To device = SoftTarget(values.``to`` device)
    override _.Select rows = SoftTarget(values.index_select (0L, rows))

/// One class per pixel: int64 [B, H, W]; pixels of the class ignoreIndex do not count.
[<Sealed>]
type ClassMapTarget(labels: Tensor, ignoreIndex: int64) =
    inherit Target(TargetKind.ClassMap, labels.shape[0])

    /// int64 [B, H, W].
    member _.Labels = labels

    /// The class of pixels that do not count.
    member _.IgnoreIndex = ignoreIndex

    override _.To device = ClassMapTarget(labels.``to`` device, ignoreIndex)

    override _.Select rows = ClassMapTarget(labels.index_select (0L, rows), ignoreIndex)

/// Boxes per sample: float [N, 4] as (x1, y1, x2, y2) in pixels, and their classes int64 [N]; N differs by sample.
[<Sealed>]
type BoxTarget(boxes: IReadOnlyList<Tensor>, labels: IReadOnlyList<Tensor>) =
    inherit Target(TargetKind.Boxes, int64 boxes.Count)

    /// One float [N, 4] per sample, (x1, y1, x2, y2) in pixels.
    member _.Boxes = boxes

    /// One int64 [N] per sample.
    member _.Labels = labels

    override _.To device =
        let move (all: IReadOnlyList<Tensor>) =
            all |> Seq.map (fun t -> t.``to`` device) |> Seq.toArray :> IReadOnlyList<Tensor>

        BoxTarget(move boxes, move labels)

    override _.Select rows =
        let picked = rows.cpu().data<int64>().ToArray()

        let pick (all: IReadOnlyList<Tensor>) = picked |> Array.map (fun i -> all[int i]) :> IReadOnlyList<Tensor>

        BoxTarget(pick boxes, pick labels)

/// Token ids: int64 [B, L]; mask [B, L] is true where a token counts.
[<Sealed>]
type TokenTarget(ids: Tensor, mask: Tensor) =
    inherit Target(TargetKind.Tokens, ids.shape[0])

    /// int64 [B, L].
    member _.Ids = ids

    /// bool [B, L].
    member _.Mask = mask

    override _.To device = TokenTarget(ids.``to`` device, mask.``to`` device)

    override _.Select rows = TokenTarget(ids.index_select (0L, rows), mask.index_select (0L, rows))

/// Reading a target as one of the family, with an error that says what was there instead.
[<AbstractClass; Sealed>]
type TargetReader private () =

    /// The target as T. Raises KDP0304 naming who asked, what it needs and what the data set gives.
    static member As<'T when 'T :> Target and 'T: not struct>(target: Target, asker: string) : 'T =
        match target with
        | :? 'T as found -> found
        | other ->
            let got = if isNull other then "no target" else other.Kind.ToString()

            raise (
                KdException(
                    CoreErrors.TargetKind,
                    $"{asker} needs a {typeof<'T>.Name.Replace(nameof Target, String.Empty)} target, the data set gives {got}."
                )
            )
