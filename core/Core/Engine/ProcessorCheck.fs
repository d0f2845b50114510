namespace KdPlugins.Core

open System
open TorchSharp
open KdPlugins.Torch

/// Whether the processor's convolutions can be trusted, looked at once per process and precision.
module internal ProcessorCheck =

    let private found =
        dict
            [
                for dtype in [ torch.ScalarType.Float32; torch.ScalarType.BFloat16 ] ->
                    dtype, Lazy<string>(fun () -> ConvolutionCheck.Find dtype)
            ]

    /// What is wrong with a run's convolutions; null where nothing is.
    let find (composition: Composition) : string =
        let run = composition.Run

        if run.Device.``type`` <> DeviceType.CPU then
            null
        else
            match found.TryGetValue run.Training.Precision with
            | true, check when not (isNull check.Value) ->
                $"libtorch computes wrongly on this processor: {check.Value} "
                + "Results cannot be trusted: try ONEDNN_MAX_CPU_ISA=AVX2, or another libtorch by KD_LIBTORCH."
            | _ -> null

    /// Tells what is wrong.
    let warn (composition: Composition) (tell: string -> unit) =
        match find composition with
        | null -> ()
        | fault -> tell fault
