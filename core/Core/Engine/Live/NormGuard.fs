namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Torch

/// Norm layers in training refuse a single value per channel, as PyTorch's do and TorchSharp's do not: its variance is not
/// there, so that a batch norm puts NaN into its running variance, and its output does not depend on its input.
module internal NormGuard =

    let private last (dimensions: int) (shape: int64[]) =
        shape |> Seq.skip (shape.Length - dimensions) |> Seq.fold (*) 1L

    /// From how many values a layer computes each mean and variance.
    let private valuesPerChannel (layer: torch.nn.Module) (shape: int64[]) =
        match layer with
        | :? InstanceNorm1d -> last 1 shape
        | :? InstanceNorm2d -> last 2 shape
        | :? InstanceNorm3d -> last 3 shape
        | :? GroupNorm as norm -> last (shape.Length - 1) shape / norm.num_groups
        | _ -> shape[0] * last (shape.Length - 2) shape

    let private check (owner: string) (name: string) (layer: torch.nn.Module) (input: Tensor) =
        // What has too few dimensions is refused by libtorch.
        if layer.training && input.dim () > 1L && valuesPerChannel layer input.shape < 2L then
            let got = TensorText.Shape(ReadOnlySpan input.shape)

            Fail.error
                TrainingErrors.OneValue
                $"Layer '{name}' ({layer.GetType().Name}) of {owner} got {got}; more than one value per channel is needed in training."

    /// Watches the norm layers of a module. owner: whose it is, in words.
    let attach (owner: string) (m: torch.nn.Module) =
        let seen = HashSet<torch.nn.Module>(HashIdentity.Reference)

        for struct (name, layer) in m.named_modules () do
            match layer with
            | :? torch.nn.Module<Tensor, Tensor> as norm when
                (layer :? NormBase || layer :? GroupNorm) && seen.Add layer
                ->
                norm.register_forward_pre_hook (fun _ input ->
                    check owner name layer input
                    null)
                |> ignore
            | _ -> ()
