namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Tensors between memory and a section of a checkpoint, bit for bit: no dtype is converted, no name is guessed.
[<AbstractClass; Sealed>]
type SavedTensors private () =

    static let mostShown = 20

    static let describe (entry: WeightEntry) =
        $"{entry.DType.FormatName()}{TensorText.Shape(ReadOnlySpan(Seq.toArray entry.Shape))}"

    static let describeTarget (tensor: torch.Tensor) =
        let dtype = WeightTensors.ToWeightDType tensor.dtype

        let name =
            if dtype.HasValue then
                dtype.Value.FormatName()
            else
                tensor.dtype.ToString()

        $"{name}{TensorText.Shape(ReadOnlySpan tensor.shape)}"

    static let fits (tensor: torch.Tensor) (entry: WeightEntry) = describe entry = describeTarget tensor

    /// A module's parameters and persistent buffers by name.
    static member Of(m: torch.nn.Module) : IReadOnlyDictionary<string, torch.Tensor> = m.state_dict ()

    /// What stands between saved tensors and those in memory, a line each; empty where they fit.
    static member internal Differences
        (targets: IReadOnlyDictionary<string, torch.Tensor>, saved: IReadOnlyDictionary<string, WeightEntry>)
        : string list =
        [
            for target in targets do
                match saved.TryGetValue target.Key with
                | true, entry when fits target.Value entry -> ()
                | true, entry -> $"'{target.Key}' was saved as {describe entry}, is {describeTarget target.Value} now"
                | _ -> $"'{target.Key}' {describeTarget target.Value} is missing from what was saved"

            for name in saved.Keys do
                if not (targets.ContainsKey name) then
                    $"'{name}' {describe saved[name]} was saved, and nothing takes it"
        ]

    /// Raises KDP0621 for differences.
    static member internal Refuse(place: string, differences: string list) =
        if not differences.IsEmpty then
            let shown = differences |> List.truncate mostShown |> String.concat "; "
            let more = differences.Length - mostShown
            let rest = if more > 0 then $"; and {more} more" else ""
            Fail.error RunErrors.StateMismatch $"{place}: {shown}{rest}. Nothing was loaded."

    /// Copies values without any check.
    static member internal Copy(targets: IReadOnlyDictionary<string, torch.Tensor>, source: IWeightSource) =
        use _noGrad = torch.no_grad ()

        for target in targets do
            use _scope = torch.NewDisposeScope()
            target.Value.copy_ (source.ToTensor target.Key) |> ignore

    /// Copies a section's tensors into those in memory, in place; layouts and devices stay.
    /// Raises KDP0614 where there is no such section, KDP0621 with all tensors that are missing, unexpected, or of another
    /// shape or dtype; nothing was changed then.
    static member Load
        (checkpoint: LoadedCheckpoint, section: string, targets: IReadOnlyDictionary<string, torch.Tensor>)
        =
        let source = checkpoint.Section section
        let place = $"Section '{section}' of checkpoint '{checkpoint.Info.Name}'"
        SavedTensors.Refuse(place, SavedTensors.Differences(targets, source.Entries))
        SavedTensors.Copy(targets, source)
