namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules

/// Samples that are computed from few tensors when they are asked for.
/// where: for messages, such as "a recovered set".
[<AbstractClass>]
type ComputedSource(where: string) =

    /// The number of samples.
    abstract Count: int64

    /// The inputs of samples: [K, ...].
    abstract Input: numbers: int64[] -> torch.Tensor

    /// The targets of samples: classes or soft values.
    abstract Target: numbers: int64[] -> Target

    interface IDataSource with
        member this.Count = this.Count

        /// Raises KDP0403 for a number that there is not.
        member this.Read indices =
            let numbers = indices.ToArray()

            for n in numbers do
                if n < 0L || n >= this.Count then
                    Fail.error DataErrors.BadIndex $"Sample {n} was asked for; {where} has {this.Count}."

            use _ = torch.no_grad ()
            use _ = torch.NewDisposeScope()
            let keep (t: torch.Tensor) = t.cpu().MoveToOuterDisposeScope()

            let target: Target =
                match this.Target numbers with
                | :? ClassIndexTarget as t -> ClassIndexTarget(keep t.Labels)
                | :? SoftTarget as t -> SoftTarget(keep t.Values)
                | other -> other

            Batch(keep (this.Input numbers), target, keep (torch.tensor numbers))

/// What methods share that make a small set of images, image i of class i mod C.
[<AbstractClass; Sealed>]
type SmallSet private () =

    /// Zeros that are part of the run's state; trained: whether they have gradients.
    static member Zeros
        (context: IPlanContext, name: string, dtype: torch.ScalarType, shape: int64[], trained: bool)
        : Parameter =
        let kept =
            new Parameter(torch.zeros (shape, dtype = dtype, device = context.Device), trained)

        context.State.Register(name, kept)
        kept

    /// Writes it as "distilled": images uint8 [N, ch, H, W] with their classes, and further tensors by name, null for none.
    /// labels: the name and the values of stored labels, null for none. The card says what was made of what, the facts, and
    /// the bytes: all tensors but the classes, which follow from the order.
    static member Write
        (
            context: IPlanContext,
            folder: string,
            images: torch.Tensor,
            more: IEnumerable<struct (string * torch.Tensor)>,
            labels: struct (string * torch.Tensor),
            facts: IEnumerable<KeyValuePair<string, string>>
        ) : unit =
        use _ = torch.NewDisposeScope()
        let tensors = Dictionary<string, torch.Tensor>()
        let classes = context.Data.Classes

        let add (struct (name: string, t: torch.Tensor)) =
            if isNull t then
                0L
            else
                tensors[name] <- t.detach().cpu()
                t.numel () * t.element_size ()

        let labelBytes = add labels

        let bytes = labelBytes + add (struct ("images", images)) + (more |> Seq.sumBy add)

        tensors["labels"] <- torch.arange(images.shape[0]).remainder(classes.ToScalar())
        let image8 = images.numel () / images.shape[0]
        let origin = SortedDictionary<string, string>(StringComparer.Ordinal)

        for entry in Seq.append context.Origin facts do
            origin[entry.Key] <- entry.Value

        origin["label-bytes"] <- string labelBytes
        origin["bytes"] <- string bytes
        origin["images-per-class-with-labels"] <- (float bytes / float (image8 * classes)).ToString "F4"
        DistilledSet.Write(folder, "distilled", context.Data, origin, tensors) |> ignore
