/// What a module holds, put aside and back.
module internal KdPlugins.Core.ModuleCopies

open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch.Weights

/// Copies of a module's parameters and buffers by name; the caller's to dispose.
let take (m: torch.nn.Module) : IReadOnlyDictionary<string, Tensor> =
    use _ = torch.no_grad ()
    let copies = Dictionary<string, Tensor>()

    for entry in ModuleWeights.State m do
        copies[entry.Key] <- entry.Value.detach().clone().DetachFromDisposeScope()

    copies

/// Copies their values into a module.
let put (tensors: IReadOnlyDictionary<string, Tensor>) (target: torch.nn.Module) =
    use _ = torch.no_grad ()

    for entry in ModuleWeights.State target do
        entry.Value.copy_ tensors[entry.Key] |> ignore

/// Disposes copies.
let drop (tensors: IReadOnlyDictionary<string, Tensor>) =
    for tensor in tensors.Values do
        tensor.Dispose()

/// Has others in the place of a module's own values for as long as the action takes.
let during (tensors: IReadOnlyDictionary<string, Tensor>) (target: torch.nn.Module) (action: unit -> 'T) : 'T =
    let own = take target

    try
        put tensors target
        action ()
    finally
        put own target
        drop own
