namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch.Weights

/// The exponential average of a network's weights and buffers over the steps of a stage.
/// stage: the stage's name within the run. tensors: by name; owned.
[<Sealed; AllowNullLiteral>]
type internal WeightAverage(stage: string, tensors: IReadOnlyDictionary<string, Tensor>) =

    /// The stage's name within the run.
    member _.Stage = stage

    /// The average, by name.
    member _.Tensors = tensors

    /// Steps that went into it after the one that it began with.
    member val Updates = 0L with get, set

    /// A copy of it where its score was best so far; null while there is none.
    member val Best: IReadOnlyDictionary<string, Tensor> = null with get, set

    /// The score of that, higher is better.
    member val BestScore = Double.NaN with get, set

    /// Epochs done when that was reached.
    member val BestEpoch = 0L with get, set

    interface IDisposable with
        member this.Dispose() =
            ModuleCopies.drop tensors

            if not (isNull this.Best) then
                ModuleCopies.drop this.Best

/// The averages of the roles that stages have trained, each of the last stage that trained it.
[<Sealed>]
type internal Averages() =
    let all = SortedDictionary<string, WeightAverage>(StringComparer.Ordinal)

    let put (role: string) (average: WeightAverage) =
        match all.TryGetValue role with
        | true, old -> (old :> IDisposable).Dispose()
        | _ -> ()

        all[role] <- average

    // Early on an average over a thousand steps is mostly the weights that it began with: with warm-up it looks back
    // over a share of the steps that there were.
    let decayOf (section: EmaSection) (updates: int64) =
        if section.Warmup then
            min section.Decay (float (1L + updates) / float (10L + updates))
        else
            section.Decay

    let follow (average: WeightAverage) (decay: float) (m: torch.nn.Module) =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        use kept = decay.ToScalar()
        use taken = (1.0 - decay).ToScalar()

        for entry in ModuleWeights.State m do
            let mean = average.Tensors[entry.Key]

            if mean.is_floating_point () then
                mean.mul_(kept).add_(entry.Value, taken) |> ignore
            else
                mean.copy_ entry.Value |> ignore

    /// What the average of a role is called in events, reports and files.
    static member NameOf(role: string) = $"{role}-ema"

    /// By role.
    member _.All: IReadOnlyDictionary<string, WeightAverage> = all

    /// A role's; null where it has none.
    member _.OfRole(role: string) : WeightAverage =
        match all.TryGetValue role with
        | true, average -> average
        | _ -> null

    /// A step of a stage has trained a role's network: the first one begins an average, the others go into it.
    member _.AfterStep(section: EmaSection, stage: string, role: string, network: torch.nn.Module) =
        match all.TryGetValue role with
        | true, average when average.Stage = stage ->
            average.Updates <- average.Updates + 1L
            follow average (decayOf section average.Updates) network
        | _ -> put role (new WeightAverage(stage, ModuleCopies.take network))

    /// The score of a role's average after so many epochs: the best one is kept.
    member _.Offer(role: string, score: float, epoch: int64) =
        let average = all[role]

        if isNull average.Best || score > average.BestScore then
            if not (isNull average.Best) then
                ModuleCopies.drop average.Best

            let copies = Dictionary<string, Tensor>()

            for entry in average.Tensors do
                copies[entry.Key] <- entry.Value.clone().DetachFromDisposeScope()

            average.Best <- copies
            average.BestScore <- score
            average.BestEpoch <- epoch

    /// Puts back one that was saved.
    member _.Restore(role: string, average: WeightAverage) = put role average

    interface IDisposable with
        member _.Dispose() =
            for average in all.Values do
                (average :> IDisposable).Dispose()
