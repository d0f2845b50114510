namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch

/// The losses of a step and what they come to: which of them is to blame where that is not what an update needs.
[<Sealed>]
type internal StepLosses(run: LiveRun, progress: Progress) =
    let terms = Dictionary<string, Tensor>()
    let parts = List<string>()
    let place = PluginCall.during progress

    let explainNotFinite (total: float) =
        let bad =
            terms
            |> Seq.filter (fun t -> not (t.Value.isfinite().all().item<bool>()))
            |> Seq.map (fun t -> $"'{t.Key}'")
            |> Seq.toArray

        let who =
            if bad.Length = 0 then
                "the objective"
            else
                String.Join(", ", bad)

        Fail.error TrainingErrors.NotFinite $"The loss is {total} at {progress}; not finite: {who}."

    let mutable updated: IReadOnlyList<Trainable> = Array.Empty<Trainable>()

    let ofUpdated () = String.Join(", ", updated |> Seq.map (fun t -> $"'{t.Name}'"))

    let ofLosses () =
        if parts.Count = 0 then
            ""
        else
            let names = String.Join(", ", parts |> Seq.map (fun id -> $"'{id}'"))
            $" None of its losses ({names}) has one: is something detached, computed under no_grad, or answered by a role that the stage does not train?"

    /// An objective is about to be computed, for an update of some trainables.
    member _.Begin(trainables: IReadOnlyList<Trainable>) =
        updated <- trainables
        terms.Clear()
        parts.Clear()

    /// A scalar was published under a name.
    member _.Report(name: string, value: Tensor) = terms[name] <- value

    /// A loss's value, one number. Raises KDP0740, KDP0741 or KDP0702 with its name.
    member _.Compute(weighted: WeightedLoss, id: string, context: ILossContext) : Tensor =
        parts.Add id

        PluginCall.at weighted.Loss place (fun () ->
            use _ = run.ExactScope()

            let value =
                weighted.Loss.Compute context
                |> PluginCall.something weighted.Loss place "Compute"

            if value.numel () <> 1L then
                raise (
                    KdException(
                        TrainingErrors.NotScalar,
                        $"The loss '{id}' gave {TensorText.Describe value} at {progress}, one value is needed.",
                        "Reduce it in Compute, such as by .mean() over the samples."
                    )
                )

            value)

    /// Raises KDP0701 to KDP0703 and KDP0741 for an objective that nothing can be learned from.
    member _.Check(objective: Tensor) =
        if isNull objective then
            Fail.error
                PluginErrors.Nothing
                $"The objective of {progress} is null: the function that Update is given returned nothing."

        if objective.numel () <> 1L then
            Fail.error
                TrainingErrors.NotScalar
                $"The objective of {progress} is {TensorText.Describe objective}, one value is needed."

        if not objective.requires_grad then
            Fail.error
                TrainingErrors.NoGradient
                $"The objective of {progress} has no graph to any parameter of what is updated ({ofUpdated ()}).{ofLosses ()}"

        // On a GPU this would wait for the device in every step; there the reported means tell, some steps later.
        if run.Device.``type`` = DeviceType.CPU then
            let total = objective.detach().to_type(torch.ScalarType.Float64).item<double>()

            if not (Double.IsFinite total) then
                explainNotFinite total

    /// Of all that an update trains, something has to have a gradient. Raises KDP0703.
    member _.CheckReached() =
        let isReached (t: Trainable) = t.Parameters |> Seq.exists (fun struct (_, p) -> not (isNull p.grad))

        if updated.Count > 0 && not (Seq.exists isReached updated) then
            Fail.error
                TrainingErrors.NoGradient
                $"The objective of {progress} has a graph, and reaches no parameter of what is updated ({ofUpdated ()})."
