namespace KdPlugins.KrrSt

open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// What is learned: images X_s [m, C, H, W] in the space of the networks' inputs, neither clamped nor normalised, and
/// targets Y_s [m, d]. Part of the checkpoint, and a source of batches: with the targets, or where it is labelled with the
/// classes, int64 [m], of the real images that it is of.
[<Sealed>]
type internal SyntheticSet(context: IPlanContext, count: int64, width: int64, labelled: bool) =
    inherit ComputedSource("a set of 'krr-st'")

    let zeros name dtype shape trained = SmallSet.Zeros(context, name, dtype, shape, trained)
    let shape = Array.append [| count |] (Seq.toArray context.Data.InputShape)
    let images = zeros "images" torch.ScalarType.Float32 shape true
    let targets = zeros "targets" torch.ScalarType.Float32 [| count; width |] true

    let labels =
        if labelled then
            zeros "labels" torch.ScalarType.Int64 [| count |] false
        else
            null

    let pick (t: torch.Tensor) (numbers: int64[]) = t.index_select (0L, (torch.tensor numbers).``to`` t.device)

    /// m.
    override _.Count = count

    /// X_s.
    member _.Images = images

    /// Y_s.
    member _.Targets = targets

    /// The classes; null where it is not labelled.
    member _.Labels = labels

    /// X_s as convolutions take it best; with graph while it is updated.
    member _.Batch = Batch.Generated(images.ToChannelsLast())

    override _.Input numbers = pick images numbers

    override _.Target numbers =
        if labelled then
            ClassIndexTarget(pick labels numbers)
        else
            SoftTarget(pick targets numbers)
