namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// A role of a run: its network and how the present stage uses it.
/// isFromRecipe: whether the recipe names it; a strategy may change the weights of a role that it added.
[<Sealed>]
type internal RoleState(name: string, network: INetwork, isFromRecipe: bool) =
    let mutable frozen: INetwork = null
    let mutable frozenAt = 0L

    // A process freezes when it first needs to, a resumed one in another step than the uninterrupted one: outside of what
    // that step draws. And what is made outlives the step.
    let freeze (freezable: IFreezableNetwork) (dtype: torch.ScalarType) =
        use scope = torch.NewDisposeScope()
        use _ = RandomScope.Use 0UL

        let freezing () =
            PluginCall.composing network $"while the role '{name}' was frozen" "Freeze" (fun () ->
                freezable.Freeze dtype)

        let made = DrawCheck.During($"Freezing the role '{name}'", freezing)
        PluginNames.give made (PluginNames.find network)

        scope.Detach(scope.DisposablesView) |> ignore
        made

    /// The role.
    member _.Name = name

    /// Its network.
    member _.Network = network

    /// Whether the recipe names it.
    member _.IsFromRecipe = isFromRecipe

    /// Whether the present stage trains it.
    member val IsTrained = false with get, set

    /// What Weights was when the network had been drawn; null where the recipe loads weights.
    member val Untrained = System.Nullable<int64>() with get, set

    /// Whether its weights stay as they are in the present stage.
    member val MayFreeze = false with get, set

    /// The augmentations of this role's view, after the shared ones.
    member val Augmentations: IReadOnlyList<IAugmentation> = [||] with get, set

    /// A number for the present weights: another one after any of them was changed in place or replaced.
    member _.Weights = TensorVersion.Of network.Module

    /// What is said of one that answers with such weights.
    static member Noise(name: string) =
        $"The role '{name}' answers with the weights that it was drawn with: no phase trains it before, and the recipe loads none. What learns from it learns from noise. Give it \"weights\", or a phase under \"prepare\"."

    /// The network to run without graph: a faster form where there is one and the weights stay as they are.
    /// weights: the present value of Weights.
    member this.Inference(device: torch.Device, dtype: torch.ScalarType, weights: int64) : INetwork =
        match network with
        | :? IFreezableNetwork as freezable when this.MayFreeze && device.``type`` = DeviceType.CPU ->
            // A strategy that changes weights without a trainable gets a new copy each time: what is answered may not
            // depend on when the process began.
            if weights <> frozenAt then
                this.DropFrozen()

            if isNull frozen then
                // Where bfloat16 is emulated, float32 is several times faster, and more exact.
                let native = dtype <> torch.ScalarType.BFloat16 || Autocast.IsNativeOnCpu
                frozen <- freeze freezable (if native then dtype else torch.ScalarType.Float32)
                frozenAt <- weights

            frozen
        | _ -> network

    /// The faster form; null where there is none now.
    member _.Frozen = frozen

    /// Disposes the faster form.
    member _.DropFrozen() =
        if not (isNull frozen) then
            frozen.Module.Dispose()
            frozen <- null

/// What came of loading a role's weights. path: the file's place.
type internal LoadedWeights =
    {
        Role: string
        Path: string
        Section: WeightsSection
        Report: LoadReport
    }

/// A loss of the recipe with its weight and the name it is reported under.
[<Sealed>]
type internal WeightedLoss(id: string, weight: float, loss: IDistillationLoss) =

    /// The name it is reported under; made unique where the recipe names a loss twice.
    member _.Id = id

    /// Its factor in the sum.
    member _.Weight = weight

    /// The loss.
    member _.Loss = loss

    /// The taps of a role that it needs, fixed when it is bound.
    member val Taps: IReadOnlyDictionary<string, IReadOnlyCollection<string>> = Dictionary() with get, set

/// What parts see of a step, whoever they are.
[<AbstractClass>]
type internal PartContext(progress: Progress, random: RandomKey, device: torch.Device, evaluation: bool) =

    abstract Consult: role: string * batch: Batch * taps: IReadOnlyCollection<string> -> ModelOutput

    abstract Value: name: string * fallback: float -> float

    abstract Stream: RandomKey
    default _.Stream = random

    interface IPartContext with
        member _.Progress = progress
        member this.Random = this.Stream
        member _.Device = device
        member _.IsEvaluation = evaluation
        member this.Consult(role, batch, taps) = this.Consult(role, batch, taps)
        member this.Value(name, fallback) = this.Value(name, fallback)

/// The same context under another random stream.
[<Sealed>]
type internal DerivedContext(inner: IPartContext, random: RandomKey) =
    inherit PartContext(inner.Progress, random, inner.Device, inner.IsEvaluation)

    override _.Consult(role, batch, taps) = inner.Consult(role, batch, taps)
    override _.Value(name, fallback) = inner.Value(name, fallback)

/// What augmentations see of an evaluation: nothing random, nobody to consult.
[<Sealed>]
type internal EvaluationContext(progress: Progress, random: RandomKey, device: torch.Device) =
    inherit PartContext(progress, random, device, true)

    override _.Consult(role, _, _) =
        Fail.error CoreErrors.WrongCombination $"An augmentation consults '{role}' in an evaluation."

    override _.Value(_, fallback) = fallback

/// A loss's sight of a step.
[<Sealed>]
type internal LossContext
    (
        inner: IPartContext,
        random: RandomKey,
        outputs: IReadOnlyDictionary<string, ModelOutput>,
        studentRole: string,
        teacherRole: string,
        batch: Batch,
        report: System.Action<string, Tensor>
    ) =
    inherit PartContext(inner.Progress, random, inner.Device, inner.IsEvaluation)

    let has role = not (isNull role) && outputs.ContainsKey role && not (isNull outputs[role])

    let output role =
        if has role then
            outputs[role]
        else
            Fail.error CoreErrors.RoleMissing $"A loss needs the output of '{role}', which this stage does not compute."

    override _.Consult(role, batch, taps) = inner.Consult(role, batch, taps)
    override _.Value(name, fallback) = inner.Value(name, fallback)

    interface ILossContext with
        member _.Student = output studentRole

        member _.Teacher =
            if has teacherRole then
                outputs[teacherRole]
            else
                Fail.error
                    CoreErrors.NobodyTeaches
                    $"A loss asks for the teacher's answer, and the stage '{inner.Progress.Stage}' has none."

        member _.HasTeacher = has teacherRole

        member _.Output role = output role
        member _.Batch = batch
        member _.Report(name, value) = report.Invoke(name, value)

/// Running augmentations in order.
module internal Pipeline =

    /// The batch after all of them; each gets its own random stream below the context's, by its place in the list.
    let apply (augmentations: IReadOnlyList<IAugmentation>) (context: IPartContext) (batch: Batch) =
        let mutable current = batch

        for i in 0 .. augmentations.Count - 1 do
            let augmentation = augmentations[i]

            if not context.IsEvaluation || augmentation.InEvaluation then
                let random = context.Random.Derive("augmentation").Derive(int64 i)
                let place = PluginCall.during context.Progress
                let given = current

                current <-
                    PluginCall.at augmentation place (fun () ->
                        augmentation.Apply(given, DerivedContext(context, random))
                        |> PluginCall.something augmentation place "Apply")

        if
            isNull current.Input
            || current.Input.dim () <> 4L
            || current.Input.IsChannelsLast()
        then
            current
        else
            current.WithInput(current.Input.ToChannelsLast())
