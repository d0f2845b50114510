namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp

/// Watches the inputs of a network's 2-d batch norms for as long as it lives: how far each batch's statistics are from
/// the running ones, with graph to whatever the network was given. Norms that do not compute do not count; one that
/// computes twice counts twice. Dispose it after the forward pass; the network is as before then.
[<Sealed>]
type NormProbe =
    interface IDisposable

    /// Watches all BatchNorm2d of a network that keep running statistics.
    new: network: torch.nn.Module -> NormProbe

    /// SynthesisMath.StatisticsGap of every norm, in the order of computation.
    member Gaps: IReadOnlyList<torch.Tensor>
