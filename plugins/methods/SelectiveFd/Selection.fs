namespace KdPlugins.SelectiveFd

open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

/// The client selector.
module internal Selection =

    let private order (key: RandomKey) (count: int64) : int64[] =
        Array.init (int count) int64 |> Array.sortBy (fun i -> key.Derive(i).Value)

    // m_k(x) = 1 where r_k(x) > tau_k, the quantile of r_k over the client's own samples that r_k is not estimated from.
    let private within (asker: Asker) (o: SelectiveFdOptions) (step: IStepContext) (client: Client) (proxies: int64) =
        let features = Features(asker, o, step, proxies)
        let key = step.Random.Derive client.Role
        let own = features.Of(client.Source, order (key.Derive "known") client.Samples)
        let count = own.shape[0]
        let m = max 1L (min (count - 1L) (int64 (round (o.KnownShare * float count))))
        let known, others = own.narrow (0L, 0L, m), own.narrow (0L, m, count - m)
        let auxiliary = features.Auxiliary(int64 o.Auxiliary, key.Derive "auxiliary")

        let sigma, lambda =
            features.Sigma,
            (if o.Lambda.HasValue then
                 o.Lambda.Value
             else
                 1.0 / sqrt (float o.Auxiliary))

        let alpha = Kulsif.Coefficients(known, auxiliary, sigma, lambda, o.Estimator)
        let ratios points = Kulsif.Ratios(points, known, auxiliary, alpha, sigma, lambda)

        let threshold: torch.Tensor =
            torch.quantile (ratios others, torch.tensor (o.Quantile, dtype = others.dtype, device = others.device))

        ratios(features.Proxies).gt threshold

    /// Which proxies lie within a client's data: bool [P].
    let accepted
        (asker: Asker)
        (o: SelectiveFdOptions)
        (selector: ClientSelector)
        (step: IStepContext)
        (client: Client)
        (proxies: int64)
        : torch.Tensor =
        use _ = torch.no_grad ()

        match selector with
        | ClientSelector.None -> torch.ones (proxies, dtype = torch.ScalarType.Bool)
        | _ ->
            let found = (within asker o step client proxies).cpu()

            if selector = ClientSelector.DensityRatio then
                found
            else
                let drawn = order ((step.Random.Derive client.Role).Derive "random") proxies
                let count = found.sum().item<int64>()
                let places = torch.tensor (Array.truncate (int count) drawn)
                torch.zeros(proxies, dtype = torch.ScalarType.Bool).index_fill(0L, places, true.ToScalar())
