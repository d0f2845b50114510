namespace KdPlugins.KrrSt

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// The first stage: the set begins as real images, as they are in the source, and what the target model says of them;
/// where it is labelled, with their classes.
[<Sealed>]
type internal Collecting(context: IPlanContext, options: KrrStOptions, set: SyntheticSet, pixels: Pixels) =

    let available = context.SourceCount options.Source

    let wanted =
        if options.Start = "k-means" then
            max set.Count (min available (int64 options.Candidates))
        else
            set.Count

    do
        if options.Start <> "noise" && available < set.Count then
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    $"{set.Count} synthetic images are to begin as real ones; the source '{options.Source}' has {available}.",
                    "Set \"images\" to less."
                )
            )

    /// Embeddings of images in the space of inputs, piece by piece: [n, d].
    let embed (step: IStepContext) (input: torch.Tensor) =
        let size = context.Training.BatchSize

        [|
            for first in 0L .. size .. input.shape[0] - 1L do
                let piece = input.narrow (0L, first, min size (input.shape[0] - first))
                step.Forward(options.Target, Batch.Generated(piece.ToChannelsLast()), null).Embedding
        |]
        |> fun pieces -> torch.cat (pieces, 0L)

    /// So many different images of the source, [wanted, C, H, W], and where the set is labelled their classes, batch by batch.
    /// An epoch leaves out what fills no batch, so that the last ones may come in a later epoch.
    let gather (step: IStepContext) =
        let seen = HashSet<int64>()
        let pieces = List<torch.Tensor>()
        let labels = List<torch.Tensor>()
        let mutable missing = wanted

        while missing > 0L do
            step.Cancellation.ThrowIfCancellationRequested()
            let batch = step.Next options.Source
            pixels.RequireRaw batch

            let fresh =
                batch.Indices.data<int64>().ToArray()
                |> Array.indexed
                |> Array.filter (fun (_, number) -> seen.Count < int wanted && seen.Add number)
                |> Array.map (fst >> int64)

            if fresh.Length > 0 then
                let rows = (torch.tensor fresh).``to`` batch.Input.device
                pieces.Add(batch.Input.index_select (0L, rows))

                if not (isNull set.Labels) then
                    let target =
                        TargetReader.As<ClassIndexTarget>(batch.Target, "Pre-training on labels")

                    labels.Add(target.Labels.index_select (0L, rows))

                missing <- missing - int64 fresh.Length

        torch.cat (pieces.ToArray(), 0L), labels.ToArray()

    let noise (step: IStepContext) =
        use generator = step.Random.Derive("noise").NewGenerator torch.CPU
        torch.randn(set.Images.shape, generator = generator).``to`` context.Device

    let collect (step: IStepContext) =
        use _ = torch.no_grad ()

        match options.Start with
        | "noise" ->
            let input = noise step
            set.Put(input, embed step input)
        | start ->
            let images, labels = gather step
            let said = embed step (pixels.ToInput images)

            let rows =
                if start = "k-means" then
                    KMeans.Pick(said, set.Count, step.Random.Derive "k-means").``to`` images.device
                else
                    torch.arange (set.Count, dtype = torch.ScalarType.Int64, device = images.device)

            // Raw values are what the released code begins with, although the networks' inputs are normalised ones.
            let begin' = if options.RawStart then images else pixels.ToInput images
            set.Put(begin'.index_select (0L, rows), said.index_select (0L, rows))

            if not (isNull set.Labels) then
                set.Labels.copy_ ((torch.cat (labels, 0L)).index_select(0L, rows)) |> ignore

    /// The stage.
    member _.Stage =
        Stage("collect", StageLength.Steps 1L, Action<IStepContext> collect, Source = options.Source)
