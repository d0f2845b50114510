namespace KdPlugins.Core

open System.Collections.Generic
open System.IO
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Keeps what a failing step was working on.
module internal FailureDump =

    /// Writes the step's batches as "failure/batch-<n>.safetensors"; a failure of that is not worth hiding the first.
    let write (folder: RunFolder) (batches: IReadOnlyList<Batch>) =
        try
            let target = Path.Combine(folder.Path, "failure")
            Directory.CreateDirectory target |> ignore

            for n in 0 .. batches.Count - 1 do
                let tensors = Dictionary<string, Tensor>()
                tensors["input"] <- batches[n].Input
                tensors["indices"] <- batches[n].Indices

                match batches[n].Target with
                | :? ClassIndexTarget as t -> tensors["labels"] <- t.Labels
                | _ -> ()

                WeightTensors.Save(tensors, Path.Combine(target, $"batch-{n}.safetensors"))
                |> ignore
        with
        | :? IOException
        | :? System.UnauthorizedAccessException
        | :? KdException -> ()
