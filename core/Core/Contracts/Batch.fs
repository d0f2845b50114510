namespace KdPlugins.Core

open System.Collections.Generic
open System.Collections.ObjectModel
open TorchSharp
open KdPlugins.Torch

/// Where samples come from and what was made of them, as far as that follows from each sample's number alone.
/// source: a source of the recipe. view: which view of it. path: the roles whose augmentations came after the shared ones.
[<Sealed; AllowNullLiteral>]
type internal Lineage(source: string, view: int64, path: string list) =
    let viewed = Dictionary<string, int64>()

    /// The source's name.
    member _.Source = source

    /// The view's number, from 0.
    member _.View = view

    /// The roles whose augmentations came after the shared ones, in order, each with the number of its view of this batch.
    member _.Path = path

    /// What a role's next view of the batch is made of.
    member _.For(role: string) =
        let n = viewed.GetValueOrDefault role
        viewed[role] <- n + 1L
        Lineage(source, view, path @ [ $"{role}.{n}" ])

/// Samples on their way through a step: what goes into a network, what ought to come out, and which samples they are.
/// Immutable; the With methods return a changed copy that shares the rest.
[<Sealed; AllowNullLiteral>]
type Batch
    (input: Tensor, mask: Tensor, target: Target, indices: Tensor, parameters: IReadOnlyDictionary<string, Tensor>) =

    static let none =
        ReadOnlyDictionary<string, Tensor>(Dictionary<string, Tensor>()) :> IReadOnlyDictionary<_, _>

    /// A batch without mask and parameters.
    new(input, target, indices) = Batch(input, null, target, indices, null)

    /// Samples that are of no data set: without targets, their numbers -1.
    static member Generated(input: Tensor) =
        let count = input.shape[0]
        Batch(input, NoTarget count, torch.full ([| count |], (-1L).ToScalar(), torch.ScalarType.Int64))

    /// Images float [B, C, H, W] with values in [0, 1] until they are normalised, or token ids int64 [B, L].
    member _.Input = input

    /// bool [B, L], true where a token counts; null where every value counts.
    member _.Mask = mask

    /// What the samples ought to be answered with.
    member _.Target = target

    /// int64 [B], on the CPU: the samples' numbers in their data set; -1 for generated ones.
    member _.Indices = indices

    /// What augmentations drew, by "<augmentation id>.<name>": enough to replay or cache them.
    member _.Parameters = if isNull parameters then none else parameters

    /// The number of samples.
    member _.Count = input.shape[0]

    /// The batch whose rows the input is, in the order of PickedRows; null where it was not picked.
    member val internal PickedFrom: Batch = null with get, set

    /// int64 [B], on the input's device; null where it was not picked.
    member val internal PickedRows: Tensor = null with get, set

    // Of the input and of PickedFrom's input, when it was picked.
    member val private PickedVersions = struct (0L, 0L) with get, set

    member private this.Versions =
        struct (TensorVersion.Of input, TensorVersion.Of this.PickedFrom.Input)

    /// Whether it was picked, and neither input has been changed in place since then.
    member internal this.IsAsPicked =
        not (isNull this.PickedFrom) && this.Versions = this.PickedVersions

    member val private Origin: Lineage = null with get, set

    // Of the input, when it came from there.
    member val private OriginVersion = 0L with get, set

    /// Where the samples come from; null where that is not known, as after any change of the input.
    member internal this.Lineage =
        if isNull this.Origin || TensorVersion.Of input <> this.OriginVersion then
            null
        else
            this.Origin

    member private this.Keeping(changed: Batch) =
        changed.Origin <- this.Origin
        changed.OriginVersion <- this.OriginVersion
        changed.PickedFrom <- this.PickedFrom
        changed.PickedRows <- this.PickedRows
        changed.PickedVersions <- this.PickedVersions
        changed

    /// The same batch, of which it is known where it comes from.
    member internal this.From(origin: Lineage) =
        let same = this.Keeping(Batch(input, mask, target, indices, parameters))
        same.Origin <- origin
        same.OriginVersion <- TensorVersion.Of input
        same

    /// The same samples with another input.
    member this.WithInput(changed: Tensor) = Batch(changed, mask, target, indices, parameters)

    /// The same samples with another target.
    member this.WithTarget(changed: Target) = this.Keeping(Batch(input, mask, changed, indices, parameters))

    /// The same samples with one more drawn parameter.
    member this.WithParameter(name: string, value: Tensor) =
        let all = Dictionary<string, Tensor>(this.Parameters)
        all[name] <- value
        this.Keeping(Batch(input, mask, target, indices, all))

    /// The rows that an int64 tensor of row numbers [K] picks, in the input's layout; drawn parameters are dropped.
    /// In a step, what a frozen network has answered to this batch also answers the picked one: nothing runs again.
    member this.Select(rows: Tensor) =
        let onDevice = rows.``to`` input.device

        let mask =
            if isNull mask then
                null
            else
                mask.index_select (0L, onDevice)

        let picked = input.index_select (0L, onDevice)

        let inLayout =
            if input.dim () = 4L && input.IsChannelsLast() then
                picked.ToChannelsLast()
            else
                picked

        let batch =
            Batch(inLayout, mask, target.Select onDevice, indices.index_select (0L, rows.cpu ()), null)

        batch.PickedFrom <- this
        batch.PickedRows <- onDevice
        batch.PickedVersions <- batch.Versions

        if isNull this.Lineage then
            batch
        else
            batch.From this.Lineage

    /// The same batch on a device.
    member _.To(device: torch.Device) =
        let mask = if isNull mask then null else mask.``to`` device
        Batch(input.``to`` device, mask, target.To device, indices, parameters)
