namespace FsharpPlugin

open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Sdk
open TorchSharp

/// The kinds of distance.
type Distance =
    | L1
    | Power of int

/// The options of the loss.
[<AllowNullLiteral>]
type UnionOptions() =
    /// The exponent.
    member val Power = 2 with get, set

/// A loss in F#, with a union, a map and printf, as F# authors write them.
[<KdLoss("union", Version = "0.3.1")>]
type UnionLoss() =
    inherit DistillationLoss<UnionOptions>()

    let names = Map.ofList [ L1, "l1"; Power 2, "l2" ]

    override _.Taps(role, _) = [| sprintf "%A of %s" (Map.tryFind L1 names) role |] :> IReadOnlyCollection<_>

    override this.Compute _ = torch.tensor (double this.Options.Power, torch.float64)
