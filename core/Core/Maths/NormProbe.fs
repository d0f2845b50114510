namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules

[<Sealed>]
type NormProbe(network: torch.nn.Module) =
    let gaps = List<Tensor>()

    // A network may dispose the activations when it has used them: what is needed of them is computed here.
    let watch (norm: BatchNorm2d) =
        norm.register_forward_pre_hook (fun _ input ->
            let struct (mean, variance) = NormStatistics.Moments(input, false)
            gaps.Add(SynthesisMath.StatisticsGap(mean, variance, norm.running_mean, norm.running_var))
            null)

    let hooks =
        [|
            for part in network.modules () do
                match part with
                | :? BatchNorm2d as norm when not (isNull norm.running_mean) -> watch norm
                | _ -> ()
        |]

    member _.Gaps: IReadOnlyList<Tensor> = gaps

    interface IDisposable with
        member _.Dispose() =
            for hook in hooks do
                hook.remove ()
