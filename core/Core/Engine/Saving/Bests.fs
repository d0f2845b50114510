namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch.Weights

/// The best state of a stage so far: a copy of every module that the stage changes.
[<Sealed>]
type internal BestState
    (
        stage: string,
        score: float,
        epoch: int64,
        modules: IReadOnlyDictionary<string, IReadOnlyDictionary<string, Tensor>>
    ) =

    /// The stage's name within the run.
    member _.Stage = stage

    /// Higher is better.
    member _.Score = score

    /// Epochs done when it was reached.
    member _.Epoch = epoch

    /// Tensors by module, then by name; owned.
    member _.Modules = modules

    interface IDisposable with
        member _.Dispose() =
            for tensors in modules.Values do
                for tensor in tensors.Values do
                    tensor.Dispose()

/// The best states of a run's stages.
[<Sealed>]
type internal Bests(run: LiveRun) =
    let states = SortedDictionary<string, BestState>(StringComparer.Ordinal)

    let copy (m: torch.nn.Module) : IReadOnlyDictionary<string, Tensor> =
        use _ = torch.no_grad ()
        let copies = Dictionary<string, Tensor>()

        for entry in ModuleWeights.State m do
            copies[entry.Key] <- entry.Value.detach().clone().DetachFromDisposeScope()

        copies

    // What a stage changes: modules of its roles (their buffers too) and those that hold a parameter it trains.
    let changedBy (stage: Stage) =
        let trained =
            stage.Trainables
            |> Seq.collect (fun t -> t.Parameters |> Seq.map (fun struct (_, p) -> p.Handle))
            |> HashSet

        let roles = stage.Trains |> Seq.map (fun role -> $"role/{role}") |> HashSet

        run.Modules
        |> Seq.filter (fun m ->
            roles.Contains m.Key
            || m.Value.parameters () |> Seq.exists (fun p -> trained.Contains p.Handle))
        |> Seq.toArray

    let put (state: BestState) =
        match states.TryGetValue state.Stage with
        | true, old -> (old :> IDisposable).Dispose()
        | _ -> ()

        states[state.Stage] <- state

    /// All, by stage.
    member _.All: IReadOnlyDictionary<string, BestState> = states

    /// Takes a copy if the score is the best of the stage so far; says whether it was.
    member _.Offer(stage: Stage, name: string, score: float, epoch: int64) =
        let better =
            match states.TryGetValue name with
            | true, best -> score > best.Score
            | _ -> not (Double.IsNaN score)

        if better then
            let modules = Dictionary<string, IReadOnlyDictionary<string, Tensor>>()

            for entry in changedBy stage do
                modules[entry.Key] <- copy entry.Value

            put (new BestState(name, score, epoch, modules))

        better

    /// Puts a state that was saved back among the others.
    member _.Restore(state: BestState) = put state

    /// Forgets the states of other stages that changed the same modules: they are no longer anybody's best.
    member _.Supersede(stage: Stage, name: string) =
        let changed = changedBy stage |> Seq.map _.Key |> HashSet

        for other in Seq.toArray states.Values do
            if other.Stage <> name && Seq.forall changed.Contains other.Modules.Keys then
                (other :> IDisposable).Dispose()
                states.Remove other.Stage |> ignore

    /// The best state that holds a role's network; null where there is none.
    member _.OfRole(role: string) : BestState =
        states.Values
        |> Seq.filter (fun s -> s.Modules.ContainsKey $"role/{role}")
        |> Seq.tryLast
        |> Option.defaultValue Unchecked.defaultof<_>

    /// Copies a state's values into a module.
    static member Load(tensors: IReadOnlyDictionary<string, Tensor>, target: torch.nn.Module) =
        use _ = torch.no_grad ()

        for entry in ModuleWeights.State target do
            entry.Value.copy_ tensors[entry.Key] |> ignore

    interface IDisposable with
        member _.Dispose() =
            for state in states.Values do
                (state :> IDisposable).Dispose()
