namespace KdPlugins.DataFree

open TorchSharp
open KdPlugins.Core

/// The images that were made: bytes in the run's state, one of its sources, and the data set "distilled" that it exports. Beyond
/// its capacity the oldest go; image i is meant to be of class i mod C.
/// most: the capacity, at least a batch; rounded up to whole classes.
[<Sealed>]
type internal SyntheticSet(context: IPlanContext, most: int64) =
    inherit ComputedSource("the synthetic set")

    let classes = context.Data.Classes
    let capacity = (most + classes - 1L) / classes * classes

    let images =
        SmallSet.Zeros(
            context,
            "synthetic",
            torch.ScalarType.Byte,
            Array.append [| capacity |] (Seq.toArray context.Data.InputShape),
            trained = false
        )

    let made = context.State.Counter("synthetic-made", 0L)
    let device = context.Device

    override _.Count = min capacity made.Value

    override _.Input numbers = images.detach().index_select(0L, torch.tensor (numbers, device = device))

    // What a teacher says of them is asked in every step.
    override _.Target numbers = NoTarget numbers.LongLength

    /// Appends images of pixel values in 8 bits [K, ch, H, W].
    member _.Append(bytes: torch.Tensor) =
        let rows = torch.arange (made.Value, made.Value + bytes.shape[0], device = device)
        images.index_copy_ (0L, rows.remainder (capacity.ToScalar()), bytes) |> ignore
        made.Value <- made.Value + bytes.shape[0]

    /// The classes int64 [size] that the images of a batch are to have, in turn.
    member _.ClassesOf(item: int64, size: int64) : torch.Tensor =
        torch.arange(item * size, item * size + size, device = device).remainder(classes.ToScalar())

    /// Writes what is there, see SmallSet.Write.
    member this.Write(folder: string) =
        SmallSet.Write(context, folder, images.detach().narrow(0L, 0L, this.Count), [||], struct ("soft", null), [||])

/// The best images of the item that is being made: those of the least objective, kept as they were when it was computed. An
/// optimiser changes pixels in place.
/// shape: of the images. more: length of what is kept beside each image, 0 for nothing.
[<Sealed>]
type internal BestImages(context: IPlanContext, shape: int64[], more: int64) =
    let zeros (name: string) dtype (shape: int64[]) = SmallSet.Zeros(context, name, dtype, shape, trained = false)
    let images = zeros "best" torch.ScalarType.Byte shape
    let least = zeros "best-objective" torch.ScalarType.Float32 [| 1L |]

    let beside =
        if more > 0L then
            zeros "best-beside" torch.ScalarType.Float32 [| shape[0]; more |]
        else
            null

    let mutable seen: struct (torch.Tensor * torch.Tensor) = struct (null, null)

    let take (kept: torch.Tensor) (better: torch.Tensor) (found: torch.Tensor) =
        kept.copy_ (torch.where (better, found, kept.detach ())) |> ignore

    /// uint8, of the best objective so far.
    member _.Images: torch.Tensor = images.detach ()

    /// What was given with them; float [B, more].
    member _.Beside: torch.Tensor = beside.detach ()

    /// The next item begins.
    member _.Begin() = least.fill_ (System.Single.MaxValue.ToScalar()) |> ignore

    /// Images of an update whose objective is being computed. pixels: in [0, 1]. given: what belongs to them, null for nothing.
    member _.See(pixels: torch.Tensor, given: torch.Tensor) =
        seen <- struct (PixelSpace.ToBytes(pixels.detach ()), (if isNull given then null else given.detach ()))

    /// The update is done. value: of its objective.
    member _.Offer(value: torch.Tensor) =
        let struct (bytes, given) = seen
        let value = value.to_type(torch.ScalarType.Float32).reshape 1L
        let better = value.lt (least.detach ())
        take images better bytes

        if not (isNull given) then
            take beside better given

        take least better value
        seen <- struct (null, null)
