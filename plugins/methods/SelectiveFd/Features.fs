namespace KdPlugins.SelectiveFd

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// What density ratios are estimated on: [N, d] in double precision, of samples as evaluations see them.
[<Sealed>]
type internal Features(asker: Asker, o: SelectiveFdOptions, step: IStepContext, proxies: int64) =

    let ofPixels = o.Features = FeatureKind.Pixels
    let role = if ofPixels then o.Student else o.Extractor
    let readTogether = 256

    let plain (batch: Batch) : torch.Tensor =
        let view = step.EvaluationView(role, batch)

        let values =
            if ofPixels then
                view.Input
            else
                match step.Consult(role, view, null).Embedding with
                | null ->
                    raise (
                        asker.WrongCombination(
                            $"compares embeddings of '{role}', whose network has none.",
                            "Take another extractor, or \"features\": \"pixels\"."
                        )
                    )
                | embedding -> embedding

        values.detach().flatten(1L).to_type torch.ScalarType.Float64

    let read (source: string) (numbers: int64[]) : torch.Tensor =
        let parts =
            numbers
            |> Array.chunkBySize readTogether
            |> Array.map (fun some ->
                step.Cancellation.ThrowIfCancellationRequested()
                use _ = torch.NewDisposeScope()
                plain(step.Read(source, ReadOnlyMemory some)).MoveToOuterDisposeScope())

        torch.cat (parts, 0L)

    let all = read o.ProxySource (Array.init (int proxies) int64)
    let centre = all.mean ([| 0L |], true)

    // The principal axes [d, c] of the proxies, which are public.
    let axes: torch.Tensor =
        if o.Components = 0 then
            null
        else
            let struct (_, _, axes) = torch.linalg.svd (all - centre, fullMatrices = false)
            let most = min (int64 o.Components) axes.shape[0]
            axes.narrow(0L, 0L, most).t()

    let project (x: torch.Tensor) =
        if isNull axes then
            x
        else
            TorchOps.matmul (x - centre, axes)

    let ofProxies = project all

    /// Of the proxies, in their order.
    member _.Proxies = ofProxies

    /// Of samples of a source.
    member _.Of(source: string, numbers: int64[]) : torch.Tensor = project (read source numbers)

    /// So many auxiliary samples: images of uniform values, or else uniform in the box of the proxies' features.
    member _.Auxiliary(count: int64, key: RandomKey) : torch.Tensor =
        use draws = key.NewGenerator all.device
        let uniform (shape: int64[]) = torch.rand (shape, device = all.device, generator = draws)

        if ofPixels && isNull axes then
            let shape =
                Array.tail (step.Read(o.ProxySource, ReadOnlyMemory [| 0L |]).Input.shape)

            plain (Batch.Generated(uniform (Array.append [| count |] shape)))
        else
            let low, high = ofProxies.amin ([| 0L |]), ofProxies.amax ([| 0L |])
            low + (high - low) * uniform [| count; ofProxies.shape[1] |]

    /// sigma in the features' units.
    member _.Sigma: double =
        if o.SigmaUnit = SigmaUnit.Value then
            o.Sigma
        else
            let some = ofProxies.narrow (0L, 0L, min 500L proxies)

            let pairs =
                torch.ones(some.shape[0], some.shape[0], device = some.device).triu(1L).gt(0.0.ToScalar())

            let median = Kulsif.Squares(some, some).masked_select(pairs).median()
            o.Sigma * sqrt (median.item<double>())
