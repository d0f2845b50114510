namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp

/// How a step runs networks: with the taps that the losses need too, in the recipe's precision, answers widened to float32;
/// what a frozen role answered to a batch is kept for as long as the batch may come again.
[<Sealed>]
type internal NetworkPasses(run: LiveRun, progress: Progress) =
    let noTaps: IReadOnlyCollection<string> = Array.Empty<string>()
    let place = PluginCall.during progress

    let tapsOf (role: string) (asked: IReadOnlyCollection<string>) =
        let all = HashSet<string>()

        if not (isNull asked) then
            all.UnionWith asked

        for weighted in run.Losses do
            match weighted.Taps.TryGetValue role with
            | true, taps -> all.UnionWith taps
            | _ -> ()

        all

    let toFloat32 (t: Tensor) =
        if isNull t || t.dtype <> torch.ScalarType.BFloat16 then
            t
        else
            t.to_type torch.ScalarType.Float32

    // Losses see float32 whatever the precision of the forward pass.
    let widen (output: ModelOutput) =
        let features = Dictionary<string, Tensor>()

        for feature in output.Features do
            features[feature.Key] <- toFloat32 feature.Value

        ModelOutput(toFloat32 output.Logits, toFloat32 output.Embedding, features)

    // owner: what the network is called in messages.
    let forward (owner: INetwork) (network: INetwork) (batch: Batch) (taps: IReadOnlyCollection<string>) =
        PluginCall.at owner place (fun () ->
            network.Forward(batch.Input, batch.Mask, taps)
            |> PluginCall.something owner place "Forward")

    let weightsOf (role: RoleState) =
        let weights = role.Weights

        if role.Untrained = Nullable weights then
            run.WarnOnce(RoleState.Noise role.Name)

        weights

    // pass: runs the network.
    let through (what: string) (role: string) (pass: RoleState -> 'T) =
        let state = run.Role role

        if state.IsTrained then
            Fail.error PluginErrors.NotFrozen $"{what} of the role '{role}' was called at {progress}, which trains it."

        weightsOf state |> ignore
        use _ = run.PrecisionScope()
        pass state

    /// What frozen roles have answered so far.
    member val Answers = Answers [] with get, set

    /// A role's answer without graph.
    member this.WithoutGraph(role: RoleState, batch: Batch, asked: IReadOnlyCollection<string>) =
        let taps = tapsOf role.Name asked
        let weights = if role.IsTrained then 0L else weightsOf role

        let compute () =
            use _ = torch.no_grad ()
            use _ = run.PrecisionScope()
            let network = role.Inference(run.Device, run.Training.Precision, weights)
            forward role.Network network batch taps |> widen

        // A trained role may behave otherwise each time (dropout).
        if role.IsTrained then
            compute ()
        else
            match this.Answers.Find(role, weights, batch, taps) with
            | null ->
                // Evaluations may compute otherwise than the steps that answers are stored of.
                let output =
                    if isNull run.Replay || run.IsEvaluating then
                        compute ()
                    else
                        run.Replay.Answer(role.Name, role.Network, weights, batch, taps, compute)

                this.Answers.Keep(role, weights, batch, taps, output)
                output
            | output -> output

    /// A role's answer: with graph to its parameters where the stage trains it.
    member this.Of(role: RoleState, batch: Batch, asked: IReadOnlyCollection<string>) =
        if role.IsTrained then
            use _ = run.PrecisionScope()
            forward role.Network role.Network batch (tapsOf role.Name asked) |> widen
        else
            this.WithoutGraph(role, batch, asked)

    /// The answer of a network that a strategy registered.
    member _.Of(network: INetwork, batch: Batch, asked: IReadOnlyCollection<string>) =
        run.NameOwn network
        use _ = run.PrecisionScope()
        let wanted = if isNull asked then noTaps else asked
        forward network network batch wanted |> widen

    /// What a role answers to another network's answer. Raises KDP0306 where its network does not go on from one.
    member _.From(role: RoleState, basis: ModelOutput, asked: IReadOnlyCollection<string>) =
        match role.Network with
        | :? IDerivedNetwork as network ->
            use _ = run.PrecisionScope()
            use _ = if role.IsTrained then null else torch.no_grad ()

            if not role.IsTrained then
                weightsOf role |> ignore

            PluginCall.at network place (fun () ->
                network.ForwardFrom(basis, tapsOf role.Name asked)
                |> PluginCall.something network place "ForwardFrom")
            |> widen
        | _ ->
            Fail.error
                CoreErrors.WrongCombination
                $"ForwardFrom of the role '{role.Name}' was called at {progress}, and its network does not go on from another one (IDerivedNetwork)."

    /// What is computed without graph, as networks are.
    member _.WithoutGraph(compute: Func<Tensor>) =
        use _ = torch.no_grad ()
        use _ = run.PrecisionScope()
        toFloat32 (compute.Invoke())

    /// A role's network for writing texts. Raises KDP0306 where it is none that could.
    member _.Writer(role: string) : ICausalLanguageModel =
        let state = run.Role role

        match state.Network with
        | :? ICausalLanguageModel as model ->
            weightsOf state |> ignore

            let append ids mask cache () =
                model.Append(ids, mask, cache)
                |> toFloat32
                |> PluginCall.something model place "Append"

            { new ICausalLanguageModel with
                member _.Module = model.Module
                member _.Shape = model.Shape
                member _.Positions = model.Positions
                member _.Forward(input, mask, taps) = model.Forward(input, mask, taps)
                member _.NewCache sequences = model.NewCache sequences

                member _.Append(ids, mask, cache) =
                    run.Quietly(fun () -> PluginCall.at model place (append ids mask cache))

                member _.Truncate(cache, lengths) = model.Truncate(cache, lengths)
            }
        | _ ->
            Fail.error
                CoreErrors.WrongCombination
                $"The role '{role}' is to write texts at {progress}, and its network is no causal language model (ICausalLanguageModel). 'gpt2' is one."

    /// A frozen role's answer with graph to the input. Raises KDP0748 for a role that the stage trains.
    member _.Through(role: string, batch: Batch, asked: IReadOnlyCollection<string>) =
        through "Through" role (fun state -> forward state.Network state.Network batch (tapsOf role asked) |> widen)

    /// The same with what went into its norms. Raises KDP0306 where there are none.
    member _.ThroughNorms(role: string, batch: Batch, asked: IReadOnlyCollection<string>, unbiased: bool) =
        through "ThroughNorms" role (fun state ->
            let wanted = tapsOf role asked

            let pass =
                Func<ModelOutput>(fun () -> forward state.Network state.Network batch wanted)

            let struct (output, norms) =
                NormStatistics.During(state.Network.Module, unbiased, pass)

            if norms.Norms.Count = 0 then
                Fail.error
                    CoreErrors.WrongCombination
                    $"The network of '{role}' computes no 2-d batch norm that keeps statistics, which are compared at {progress}."

            struct (widen output, norms))
