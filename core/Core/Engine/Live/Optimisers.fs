namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Torch
open KdPlugins.Torch.Optim

/// The optimisers of a run: one per trainable, made when it is first used, kept for as long as the run.
[<Sealed>]
type internal Optimisers(training: TrainingPlan) =
    let made = Dictionary<string, struct (Trainable * NamedOptimizer)>()
    // Of a trainable's learning rate, by the groups of its optimiser.
    let shares = Dictionary<string, float[]>()
    let watches = Dictionary<string, GradientWatch>()
    let unreached = Dictionary<string, HashSet<string>>()

    let settings (trainable: Trainable) =
        if isNull trainable.Optimiser then
            training.Optimiser
        else
            trainable.Optimiser

    let make (trainable: Trainable) : NamedOptimizer =
        let s = settings trainable
        let groups = ParameterRules.groups s trainable.Parameters
        shares[trainable.Name] <- groups |> Array.map (fun (struct (rule, _)) -> rule.Rate)

        let each (group: seq<struct (string * Parameter)> -> float -> float -> 'G) =
            groups
            |> Array.map (fun (struct (rule, some)) -> group some (s.LearningRate * rule.Rate) rule.WeightDecay)

        let adam () = each (fun p rate decay -> AdamGroup(p, rate, weightDecay = decay))

        match s.Name with
        | "adam" -> new FusedAdam(adam (), s.LearningRate, s.Beta1, s.Beta2, s.Epsilon)
        | "adamw" -> new FusedAdam(adam (), s.LearningRate, s.Beta1, s.Beta2, s.Epsilon, 0.0, true)
        | "lion" -> new Lion(adam (), s.LearningRate, s.Beta1, s.Beta2)
        | "lars" ->
            new Lars(each (fun p rate decay -> LarsGroup(p, rate, weightDecay = decay)), s.LearningRate, s.Momentum)
        | "muon" ->
            new Muon(
                each (fun p rate decay -> MuonGroup(p, rate, decay)),
                s.LearningRate,
                s.Momentum,
                s.Beta1,
                s.Beta2,
                s.Epsilon
            )
        | "sgd" ->
            new FusedSgd(
                each (fun p rate decay -> SgdGroup(p, rate, weightDecay = decay)),
                s.LearningRate,
                s.Momentum,
                nesterov = s.Nesterov
            )
        | other ->
            Fail.error
                CoreErrors.WrongCombination
                $"The trainable '{trainable.Name}' asks for the optimiser '{other}'; there are sgd, adam, adamw, lars, lion, muon."

    let gradients (trainable: Trainable) =
        [|
            for struct (name, p) in trainable.Parameters do
                match p.grad with
                | null -> ()
                | gradient -> KeyValuePair(name, gradient)
        |]

    let explain (trainable: Trainable) (progress: Progress) (all: KeyValuePair<string, Tensor>[]) =
        match NonFinite.In all with
        | none when none.Count = 0 -> ()
        | bad ->
            Fail.error
                TrainingErrors.GradientNotFinite
                $"The gradient of '{trainable.Name}' is not finite at {progress}: {NonFiniteTensor.Describe bad}. The step was not taken."

    // A trainable whose parameters have all had a gradient costs a look-up.
    let reach (trainable: Trainable) (all: KeyValuePair<string, Tensor>[]) =
        match unreached.TryGetValue trainable.Name with
        | true, left ->
            if left.Count > 0 then
                for gradient in all do
                    left.Remove gradient.Key |> ignore
        | _ ->
            let left = HashSet<string>()

            if all.Length < trainable.Parameters.Count then
                for struct (name, _) in trainable.Parameters do
                    left.Add name |> ignore

                for gradient in all do
                    left.Remove gradient.Key |> ignore

            unreached[trainable.Name] <- left

    // On a GPU asking would wait for the device in every step; there CheckGradients tells, some steps later.
    let watch (trainable: Trainable) (progress: Progress) =
        let all = gradients trainable
        reach trainable all

        match all with
        | [||] -> ()
        | all ->
            let device = all[0].Value.device

            let seen =
                match watches.TryGetValue trainable.Name with
                | true, seen -> seen
                | _ ->
                    let seen = new GradientWatch(device)
                    watches[trainable.Name] <- seen
                    seen

            seen.See(all |> Array.map _.Value)

            if device.``type`` = DeviceType.CPU && seen.HasFound then
                explain trainable progress all

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

    /// Clips the gradients that are there and steps at the schedule's rate. Raises KDP0704 where one is not finite, on a
    /// GPU only when CheckGradients asks.
    member this.Step(trainable: Trainable, progress: Progress) =
        let optimiser = this.Of trainable
        watch trainable progress
        clip (settings trainable) trainable
        let rate = this.Rate(trainable, progress)

        for group, share in Seq.zip optimiser.ParamGroups shares[trainable.Name] do
            group.LearningRate <- rate * share

        optimiser.step () |> ignore

    /// Waits for the device. Raises KDP0704 where a gradient of a step up to this one was not finite.
    member _.CheckGradients(progress: Progress) =
        for seen in watches do
            if seen.Value.HasFound then
                Fail.error
                    TrainingErrors.GradientNotFinite
                    $"A gradient of '{seen.Key}' was not finite in one of the steps up to {progress}."

    /// The parameters of stepped trainables that have not had a gradient since ForgetReached, by trainable.
    member _.Unreached: IReadOnlyList<KeyValuePair<string, HashSet<string>>> =
        unreached |> Seq.filter (fun entry -> entry.Value.Count > 0) |> Seq.toArray :> _

    /// Begins to look for parameters without gradients anew.
    member _.ForgetReached() = unreached.Clear()

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

            for seen in watches.Values do
                seen.Dispose()
