namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Keeps what a failing step was working on.
module internal FailureDump =

    let private mostBytes = 64L <<< 20
    let private mostBatches = 8

    /// As many of the first samples as the bound lets through; samples whose input is not finite come first.
    let private bounded (batch: Batch) (bytes: int64) : Batch =
        let each =
            max 1L (batch.Input.numel () * batch.Input.element_size () / max 1L batch.Count)

        let rows = max 1L (bytes / each)

        if rows >= batch.Count then
            batch
        else
            let order =
                if batch.Input.is_floating_point () then
                    let bad = batch.Input.isfinite().reshape(batch.Count, -1L).all(1L)
                    bad.to_type(TorchSharp.torch.ScalarType.Byte).argsort(0L, false)
                else
                    TorchSharp.torch.arange (batch.Count, device = batch.Input.device)

            batch.Select(order.narrow (0L, 0L, rows))

    let private tensorsOf (batch: Batch) =
        let tensors = Dictionary<string, Tensor>()
        tensors["input"] <- batch.Input

        if not (isNull batch.Indices) then
            tensors["indices"] <- batch.Indices

        match batch.Target with
        | :? ClassIndexTarget as t -> tensors["labels"] <- t.Labels
        | :? SoftTarget as t -> tensors["soft-labels"] <- t.Values
        | :? ClassMapTarget as t -> tensors["labels"] <- t.Labels
        | _ -> ()

        tensors

    // Where the data are to blame, the loss is not.
    let private inputsSay (batches: IReadOnlyList<Batch>) =
        let bad =
            [|
                for batch in batches do
                    if batch.Input.is_floating_point () then
                        let rows =
                            batch.Input.isfinite().reshape(batch.Count, -1L).all(1L).logical_not().cpu()

                        let indices = if isNull batch.Indices then null else batch.Indices.cpu ()

                        for row in 0L .. batch.Count - 1L do
                            if rows[row].item<bool>() && not (isNull indices) then
                                indices[row].item<int64>()
            |]

        if bad.Length = 0 then
            " Its inputs are finite."
        else
            let shown = String.Join(", ", bad |> Seq.truncate 8)
            $" The inputs of its samples {shown} are not finite themselves."

    /// Writes the step's batches, as they came from their source, as "failure/batch-<n>.safetensors", 64 MiB in all at most.
    /// What to say of it; nothing where they cannot be written: that is not worth hiding the first failure.
    let write (folder: RunFolder) (batches: IReadOnlyList<Batch>) : string =
        try
            use _ = TorchSharp.torch.NewDisposeScope()
            use _ = TorchSharp.torch.no_grad ()
            let count = min batches.Count mostBatches

            if count = 0 then
                ""
            else
                let target = Path.Combine(folder.Path, "failure")
                Directory.CreateDirectory target |> ignore

                for n in 0 .. count - 1 do
                    let batch = bounded batches[n] (mostBytes / int64 count)

                    WeightTensors.Save(tensorsOf batch, Path.Combine(target, $"batch-{n}.safetensors"))
                    |> ignore

                let files =
                    if count = 1 then
                        Path.Combine(target, "batch-0.safetensors")
                    else
                        Path.Combine(target, $"batch-0.safetensors to batch-{count - 1}.safetensors")

                $" The batch was saved in {files} (WeightTensors.Load, or load_file of Python's safetensors, reads input, labels and indices).{inputsSay batches}"
        with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? KdException
        | :? InvalidOperationException
        | :? Runtime.InteropServices.ExternalException -> ""
