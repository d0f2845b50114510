namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Torch.Optim

/// The optimisers of a run: one per trainable, made when it is first used, kept for as long as the run.
[<Sealed>]
type internal Optimisers(training: TrainingPlan) =
    let made = Dictionary<string, struct (Trainable * NamedOptimizer)>()

    let settings (trainable: Trainable) =
        if isNull trainable.Optimiser then
            training.Optimiser
        else
            trainable.Optimiser

    let make (trainable: Trainable) : NamedOptimizer =
        let s = settings trainable
        let p = trainable.Parameters :> seq<struct (string * Parameter)>

        match s.Name with
        | "adam" -> new FusedAdam(p, s.LearningRate, s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay)
        | "adamw" -> new FusedAdamW(p, s.LearningRate, s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay)
        | "lars" -> new Lars(p, s.LearningRate, s.Momentum, s.WeightDecay)
        | "sgd" -> new FusedSgd(p, s.LearningRate, s.Momentum, s.WeightDecay, 0.0, s.Nesterov)
        | other ->
            Fail.error
                CoreErrors.WrongCombination
                $"The trainable '{trainable.Name}' asks for the optimiser '{other}'; there are sgd, adam, adamw, lars."

    let clip (s: OptimiserSettings) (trainable: Trainable) =
        let parameters () = trainable.Parameters |> Seq.map (fun struct (_, p) -> p)

        if s.ClipNorm > 0.0 then
            torch.nn.utils.clip_grad_norm_ (parameters (), s.ClipNorm) |> ignore

        if s.ClipValue > 0.0 then
            torch.nn.utils.clip_grad_value_ (parameters (), s.ClipValue)

    /// The optimiser of a trainable.
    member _.Of(trainable: Trainable) : NamedOptimizer =
        match made.TryGetValue trainable.Name with
        | true, struct (_, optimiser) -> optimiser
        | _ ->
            let optimiser =
                DrawCheck.During($"Making the optimiser of '{trainable.Name}'", (fun () -> make trainable))

            made[trainable.Name] <- struct (trainable, optimiser)
            optimiser

    /// The learning rate of a trainable at a progress.
    member _.Rate(trainable: Trainable, progress: Progress) =
        let schedule =
            if isNull trainable.Schedule then
                training.Schedule
            else
                trainable.Schedule

        (settings trainable).LearningRate * schedule.Invoke progress

    /// Clips the gradients that are there and steps at the schedule's rate.
    member this.Step(trainable: Trainable, progress: Progress) =
        let optimiser = this.Of trainable
        clip (settings trainable) trainable
        let rate = this.Rate(trainable, progress)

        for group in optimiser.ParamGroups do
            group.LearningRate <- rate

        optimiser.step () |> ignore

    /// Forgets an optimiser: the next use makes a new one.
    member _.Restart(trainable: Trainable) =
        match made.TryGetValue trainable.Name with
        | true, struct (_, optimiser) ->
            made.Remove trainable.Name |> ignore
            optimiser.Dispose()
        | _ -> ()

    /// All that were made, by the trainable's name.
    member _.All: IReadOnlyDictionary<string, struct (Trainable * NamedOptimizer)> = made

    interface System.IDisposable with
        member _.Dispose() =
            for struct (_, optimiser) in made.Values do
                optimiser.Dispose()
