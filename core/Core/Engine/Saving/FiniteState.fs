namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Looks through a run's state for NaN and infinity: nothing of the kind is saved, exported or gone on from. What is so
/// before the first step, such as a mask of -inf, is meant so; the rows of pools are a method's own data.
[<Sealed>]
type internal FiniteState(composition: Composition) =

    let isColumn (facts: JsonObject) (name: string) = StateRegistry.IsOfPool(facts, name)

    let inSection (facts: JsonObject) (tensors: IReadOnlyDictionary<string, Tensor>) =
        tensors |> Seq.filter (fun t -> not (isColumn facts t.Key)) |> NonFinite.In

    let constants =
        use _ = torch.NewDisposeScope()
        let content = CheckpointContent(null)
        Snapshot.addModules composition content

        [|
            for section in content.Sections do
                for tensor in inSection content.Facts section.Value -> struct (section.Key, tensor.Name)
        |]

    let isConstant (section: string) (tensor: NonFiniteTensor) =
        constants
        |> Array.exists (fun (struct (place, name)) -> name = tensor.Name && Snapshot.isOfModule place section)

    let describe (facts: JsonObject) (section: string) (tensors: IReadOnlyDictionary<string, Tensor>) =
        match inSection facts tensors |> Seq.filter (isConstant section >> not) |> Seq.toArray with
        | [||] -> None
        | bad -> Some $"NaN or infinity in {section}: {NonFiniteTensor.Describe bad}"

    let text (complaints: string seq) =
        match Seq.toArray complaints with
        | [||] -> null
        | all -> String.Join("; ", all)

    /// What is not finite in a state that is about to be saved, in words; null for nothing.
    member _.Complaint(content: CheckpointContent) : string =
        content.Sections
        |> Seq.choose (fun s -> describe content.Facts s.Key s.Value)
        |> text

    /// The same of a checkpoint.
    member _.Complaint(saved: LoadedCheckpoint) : string =
        saved.Sections
        |> Seq.choose (fun section ->
            use _ = torch.NewDisposeScope()
            describe saved.Facts section ((saved.Section section).ToTensors()))
        |> text

    /// Refuses to export a role's network. Raises KDP0705.
    member _.RequireNetwork(role: string) =
        let network = (composition.Run.Role role).Network.Module

        match describe (JsonObject()) (Snapshot.networkSection role) (ModuleWeights.State network) with
        | None -> ()
        | Some found -> Fail.error TrainingErrors.StateNotFinite $"{found}. The network of '{role}' was not written."
