namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp

/// Means of reported scalars between two readings. The sums stay on the device, so that reporting never waits for it.
[<Sealed>]
type internal ScalarMeans() =
    let sums = Dictionary<string, struct (Tensor * int)>()

    /// Adds a scalar tensor.
    member _.Add(name: string, value: Tensor) =
        use _ = torch.no_grad ()

        match sums.TryGetValue name with
        | true, struct (sum, count) ->
            sum.add_ value |> ignore
            sums[name] <- struct (sum, count + 1)
        | _ ->
            let sum =
                value.detach().to_type(torch.ScalarType.Float64, copy = true).DetachFromDisposeScope()

            sums[name] <- struct (sum, 1)

    /// The means since the last reading, by name; starts anew.
    member _.Read() : IReadOnlyDictionary<string, double> =
        let means = SortedDictionary<string, double>(System.StringComparer.Ordinal)

        for entry in sums do
            let struct (sum, count) = entry.Value
            means[entry.Key] <- sum.item<double>() / float count
            sum.Dispose()

        sums.Clear()
        means

    /// Whether nothing was added since the last reading.
    member _.IsEmpty = sums.Count = 0
