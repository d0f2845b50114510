namespace KdPlugins.KrrSt

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Core
open KdPlugins.Torch

/// What is learned: images X_s [m, C, H, W] in the space of the networks' inputs, neither clamped nor normalised, and
/// targets Y_s [m, d]. Part of the checkpoint, and a source of batches: with the targets, or where it is labelled with the
/// classes, int64 [m], of the real images that it is of.
[<Sealed>]
type internal SyntheticSet(context: IPlanContext, count: int64, width: int64, labelled: bool) =
    let shape = Array.append [| count |] (Seq.toArray context.Data.InputShape)
    let images = new Parameter(torch.zeros (shape, device = context.Device))

    let targets =
        new Parameter(torch.zeros ([| count; width |], device = context.Device))

    let labels =
        if labelled then
            new Parameter(
                torch.zeros (count, dtype = torch.ScalarType.Int64, device = context.Device),
                requires_grad = false
            )
        else
            null

    do
        context.State.Register("images", images)
        context.State.Register("targets", targets)

        if labelled then
            context.State.Register("labels", labels)

    /// m.
    member _.Count = count

    /// d.
    member _.Width = width

    /// X_s.
    member _.Images = images

    /// Y_s.
    member _.Targets = targets

    /// X_s as convolutions take it best; with graph while it is updated.
    member _.Batch = Batch.Generated(images.ToChannelsLast())

    /// Both, with an optimiser and a schedule.
    member _.Trainable(optimiser: OptimiserSettings, schedule: Func<Progress, double>) =
        Trainable("set", [| struct ("images", images); struct ("targets", targets) |], optimiser, schedule)

    /// The classes; null where it is not labelled.
    member _.Labels = labels

    /// Sets the values.
    member _.Put(newImages: torch.Tensor, newTargets: torch.Tensor) =
        use _ = torch.no_grad ()
        images.copy_ newImages |> ignore
        targets.copy_ newTargets |> ignore

    /// Writes the set into a folder, as "distilled-set" reads it.
    member _.Write(folder: string, data: DataInfo, origin: IReadOnlyDictionary<string, string>, pixels: Pixels) =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let tensors = Dictionary<string, torch.Tensor>()
        tensors["images"] <- pixels.ToImages(images).detach()
        tensors["soft"] <- targets.detach ()
        DistilledSet.Write(folder, "krr-st", data, origin, tensors) |> ignore

    interface IDataSource with
        member _.Count = count

        member _.Read(indices: ReadOnlyMemory<int64>) =
            use _ = torch.no_grad ()
            let rows = torch.tensor (indices.ToArray())
            let pick (t: torch.Tensor) = t.index_select(0L, rows.``to`` t.device).cpu()

            let target: Target =
                if labelled then
                    ClassIndexTarget(pick labels)
                else
                    SoftTarget(pick targets)

            Batch(pick images, target, rows)
