namespace KdPlugins.KrrSt

open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// The first stage: the set begins as real images, as they are in the source, and what the target model says of them;
/// where it is labelled, with their classes.
[<Sealed>]
type internal Collecting
    (asker: Asker, context: IPlanContext, options: KrrStOptions, set: SyntheticSet, space: PixelSpace) =

    let available = context.SourceCount options.Source

    let wanted =
        if options.Start = "k-means" then
            max set.Count (min available (int64 options.Candidates))
        else
            set.Count

    do
        if options.Start <> "noise" && available < set.Count then
            RealImages.refuse
                asker
                $"is to begin {set.Count} synthetic images as real ones; the source '{options.Source}' has {available}."
                "Set \"images\" to less."

    // Embeddings of images in the space of inputs, piece by piece: [n, d].
    let embed (step: IStepContext) (input: torch.Tensor) : torch.Tensor =
        let answer (piece: torch.Tensor) =
            step.Forward(options.Target, Batch.Generated(piece.ToChannelsLast()), null).Embedding

        torch.cat (input.split context.Training.BatchSize |> Array.map answer, 0L)

    // So many different samples of the source, batch by batch.
    // An epoch leaves out what fills no batch, so that the last ones may come in a later epoch.
    let gather (step: IStepContext) =
        let seen = HashSet<int64>()
        let pieces = List<Batch>()

        while seen.Count < int wanted do
            step.Cancellation.ThrowIfCancellationRequested()
            let batch = RealImages.next asker options.Source step

            let fresh =
                batch.Indices.data<int64>().ToArray()
                |> Array.indexed
                |> Array.filter (fun (_, number) -> seen.Count < int wanted && seen.Add number)
                |> Array.map (fst >> int64)

            if fresh.Length > 0 then
                pieces.Add(batch.Select(torch.tensor fresh))

        pieces

    let collect (step: IStepContext) =
        use _ = torch.no_grad ()
        let put (into: torch.Tensor) (values: torch.Tensor) = into.copy_ values |> ignore

        if options.Start = "noise" then
            use generator = step.Random.Derive("noise").NewGenerator torch.CPU

            let input =
                torch.randn(set.Images.shape, generator = generator).``to`` context.Device

            put set.Images input
            put set.Targets (embed step input)
        else
            let pieces = gather step
            let join (part: Batch -> torch.Tensor) = torch.cat (pieces |> Seq.map part |> Seq.toArray, 0L)
            let images = join _.Input
            let input = space.Normalise images
            let said = embed step input

            let rows =
                if options.Start = "k-means" then
                    KMeans.Pick(said, set.Count, step.Random.Derive "k-means").``to`` images.device
                else
                    torch.arange (set.Count, dtype = torch.ScalarType.Int64, device = images.device)

            // Raw values are what the released code begins with, although the networks' inputs are normalised ones.
            put set.Images ((if options.RawStart then images else input).index_select(0L, rows))
            put set.Targets (said.index_select (0L, rows))

            if not (isNull set.Labels) then
                put set.Labels ((join RealImages.labels).index_select(0L, rows))

    /// The stage.
    member _.Stage =
        Stage("collect", StageLength.Steps 1L, collect, Source = options.Source)
