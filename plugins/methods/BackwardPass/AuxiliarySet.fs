namespace KdPlugins.BackwardPass

open TorchSharp
open KdPlugins.Core

/// X': the auxiliary samples, part of the run's state and one of its sources. They have no targets.
/// count: how many.
[<Sealed>]
type internal AuxiliarySet(context: IPlanContext, count: int64) =
    inherit ComputedSource("the auxiliary set")

    // Half a byte's step is 1/510; a half float is as near in all of [0, 1].
    let samples =
        SmallSet.Zeros(
            context,
            "auxiliary",
            torch.ScalarType.Float16,
            Array.append [| count |] (Seq.toArray context.Data.InputShape),
            trained = false
        )

    override _.Count = count

    override _.Input numbers =
        let rows = torch.tensor (numbers, device = samples.device)
        samples.detach().index_select(0L, rows).to_type torch.ScalarType.Float32

    override _.Target numbers = NoTarget numbers.LongLength

    /// Puts samples [K, ...] into the rows from first on.
    member _.Put(first: int64, found: torch.Tensor) =
        use _ = torch.no_grad ()
        samples.narrow(0L, first, found.shape[0]).copy_ found |> ignore
