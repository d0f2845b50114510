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

    /// Tells what is wrong with a run's convolutions, where something is.
    let warn (composition: Composition) (tell: string -> unit) =
        let run = composition.Run

        if run.Device.``type`` = DeviceType.CPU then
            match found.TryGetValue run.Training.Precision with
            | true, check when not (isNull check.Value) ->
                tell (
                    $"libtorch computes wrongly on this processor: {check.Value} "
                    + "Results cannot be trusted: 'kd doctor --again' tries the processor's instructions anew and says what is right; "
                    + "ONEDNN_MAX_CPU_ISA=SSE41 is slow and seldom wrong; another libtorch is taken from KD_LIBTORCH."
                )
            | _ -> ()
