namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Some training images as they are and as each role sees them, for people: samples.safetensors in the run's folder.
/// "raw" holds the images [N, C, H, W], "view/<role>" what a role's augmentations made of them, float in the range of
/// images again where the deterministic augmentations can be undone (metadata "range/<role>": image, else stretched);
/// "labels" and "target/<role>" hold the classes before and after, int64 [N] or float [N, K].
module internal SampleViews =

    let fileName = "samples.safetensors"
    let private count = 8L

    // A stream of its own: nothing that the run draws depends on it.
    let private context (run: LiveRun) =
        let consult (role: string) (batch: Batch) (taps: IReadOnlyCollection<string>) =
            use _ = torch.no_grad ()
            use _ = run.Evaluating()
            (run.Role role).Network.Forward(batch.Input, batch.Mask, taps)

        { new PartContext(Progress("", 0L, 1L, 1L), run.Key.Derive("samples"), run.Device, false) with
            member _.Consult(role, batch, taps) = consult role batch taps
            member _.Value(_, fallback) = fallback
        }

    /// What the deterministic augmentations make of an image of one value, per channel; None where that is no one value.
    let private ofConstant (run: LiveRun) (role: RoleState) (like: Batch) (value: float) : Tensor option =
        let context = Evaluator.context run (Progress("", 0L, 1L, 1L)) :> IPartContext
        let constant = torch.full_like (like.Input, value.ToScalar())

        let seen =
            like.WithInput constant
            |> Pipeline.apply run.Shared context
            |> Pipeline.apply role.Augmentations context

        let flat = seen.Input.to_type(torch.ScalarType.Float64).flatten(2L)
        let mean = flat.mean ([| 0L; 2L |], keepdim = true)

        if (flat - mean).abs().max().item<double>() < 1e-4 then
            Some mean
        else
            None

    /// The view in the range of images, if what is always done to an image is an affine map per channel.
    let private undone (run: LiveRun) (role: RoleState) (raw: Batch) (view: Tensor) : Tensor option =
        match ofConstant run role raw 0.0, ofConstant run role raw 0.5, ofConstant run role raw 1.0 with
        | Some zero, Some half, Some one ->
            let scale = one - zero

            let isAffine =
                (half - (zero + one) / 2.0.ToScalar()).abs().max().item<double>() < 1e-3

            if
                isAffine
                && scale.abs().min().item<double>() > 1e-6
                && scale.numel () = view.shape[1]
            then
                let shape = [| 1L; -1L; 1L; 1L |]
                Some((view.to_type torch.ScalarType.Float64 - zero.view shape) / scale.view shape)
            else
                None
        | _ -> None

    // Over all images, so that they stay comparable.
    let private stretched (view: Tensor) =
        let least, most = view.min (), view.max ()
        (view - least) / (most - least).clamp_min(1e-12.ToScalar())

    let private addTarget (tensors: Dictionary<string, Tensor>) (name: string) (target: Target) =
        match target with
        | :? ClassIndexTarget as t -> tensors[name] <- t.Labels
        | :? SoftTarget as t -> tensors[name] <- t.Values.to_type torch.ScalarType.Float32
        | _ -> ()

    let private gather (composition: Composition) =
        let run = composition.Run
        let source = (run.Feed "train").Source
        let order = SeededPermutation(run.Key.Derive("samples").Value, source.Count)
        let indices = Array.init (int (min count source.Count)) (fun i -> order[int64 i])
        let raw = source.Read(ReadOnlyMemory indices) |> BatchTensors.toDevice run.Device
        let tensors = Dictionary<string, Tensor>()
        let metadata = Dictionary<string, string>()

        if raw.Input.dim () = 4L then
            tensors["raw"] <- raw.Input
            addTarget tensors "labels" raw.Target
            let context = context run :> IPartContext
            let below (purpose: string) = DerivedContext(context, context.Random.Derive purpose)
            let shared = Pipeline.apply run.Shared (below "shared") raw

            for role in run.Roles.Values |> Seq.filter _.IsFromRecipe do
                let view = Pipeline.apply role.Augmentations (below role.Name) shared
                let rows = min count view.Input.shape[0]
                let input = view.Input.narrow (0L, 0L, rows)

                let image, range =
                    match undone run role raw input with
                    | Some image -> image, "image"
                    | None -> stretched input, "stretched"

                tensors[$"view/{role.Name}"] <- image.to_type torch.ScalarType.Float32
                metadata[$"range/{role.Name}"] <- range
                addTarget tensors $"target/{role.Name}" (view.Target.Select(torch.arange (rows, device = run.Device)))

        tensors, metadata

    /// Writes the file, unless it is there or the data are no images. What fails is told and stops nothing.
    let write (composition: Composition) (folder: string) (warn: string -> unit) =
        let path = Path.Combine(folder, fileName)

        if composition.Data.Info.Kind = InputKind.Image && not (File.Exists path) then
            try
                use _ = torch.NewDisposeScope()
                use _ = torch.no_grad ()
                use _ = RandomScope.Use(composition.Run.Key.Derive("samples").Value)
                let tensors, metadata = gather composition
                WeightTensors.Save(tensors, path, metadata) |> ignore
            with error ->
                warn $"The sample images cannot be made: {error.Message}"
