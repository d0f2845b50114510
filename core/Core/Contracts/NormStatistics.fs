namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules

/// What went into one 2-d batch norm in a pass, per channel, beside what the norm keeps of its training data: float
/// [channels] each, float32 at least.
/// place: the norm's among those of its network.
[<Sealed>]
type NormInput internal (mean: Tensor, variance: Tensor, norm: BatchNorm2d, place: int) =

    member internal _.Place = place

    /// With graph to whatever the network was given.
    member _.Mean = mean

    /// With graph to whatever the network was given.
    member _.Variance = variance

    /// What the norm keeps; not a copy.
    member _.RunningMean = norm.running_mean

    /// What the norm keeps; not a copy.
    member _.RunningVariance = norm.running_var

/// What went into a network's 2-d batch norms in one pass. Data-free methods compare it with what the norms keep.
[<Sealed>]
type NormStatistics private (norms: IReadOnlyList<NormInput>) =

    static let normsOf (network: torch.nn.Module) =
        network.modules ()
        |> Seq.choose (function
            | :? BatchNorm2d as norm when not (isNull norm.running_mean) -> Some norm
            | _ -> None)

    let joined (difference: NormInput -> Tensor) =
        torch.cat (norms |> Seq.sortBy _.Place |> Seq.map difference |> Seq.toArray, 0L)

    /// Mean and variance per channel of activations [N, C, ...], over everything but the channels; each [C], in float32 at
    /// least. unbiased: whether the variance divides by one less than the number of values.
    [<Formula("moments", Description = "mean and variance per channel")>]
    static member Moments(activations: Tensor, unbiased: bool) : struct (Tensor * Tensor) =
        let wide =
            match activations.dtype with
            | torch.ScalarType.BFloat16
            | torch.ScalarType.Float16 -> activations.``to`` torch.ScalarType.Float32
            | _ -> activations

        let others = Array.append [| 0L |] [| 2L .. wide.dim () - 1L |]
        struct (wide.mean others, wide.var (others, unbiased = unbiased))

    /// Whether a network has a BatchNorm2d that keeps running statistics.
    static member IsIn(network: torch.nn.Module) = not (Seq.isEmpty (normsOf network))

    /// Runs a network and notes what goes into its norms, by hooks that are gone afterwards. Norms that do not compute do
    /// not count; one that computes twice counts twice. unbiased: see Moments.
    static member During(network: torch.nn.Module, unbiased: bool, pass: Func<'T>) : struct ('T * NormStatistics) =
        let seen = List<NormInput>()

        // A network may dispose the activations when it has used them: what is needed of them is computed here.
        let watch (place: int) (norm: BatchNorm2d) =
            norm.register_forward_pre_hook (fun _ input ->
                let struct (mean, variance) = NormStatistics.Moments(input, unbiased)
                seen.Add(NormInput(mean, variance, norm, place))
                null)

        let hooks = normsOf network |> Seq.toArray |> Array.mapi watch

        try
            let result = pass.Invoke()
            struct (result, NormStatistics seen)
        finally
            for hook in hooks do
                hook.remove ()

    /// Of every BatchNorm2d that keeps running statistics, in the order of computation.
    member _.Norms = norms

    /// The pass minus what the norms keep, all norms one after the other in the order of the network's modules: means and
    /// variances, [channels of all norms] each. There has to be a norm.
    member _.Difference: struct (Tensor * Tensor) =
        struct (joined (fun n -> n.Mean.sub n.RunningMean), joined (fun n -> n.Variance.sub n.RunningVariance))
