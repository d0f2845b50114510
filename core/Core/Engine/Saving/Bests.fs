namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp

/// The best state of a stage so far, or of one of the roles that it evaluates: a copy of the modules that the stage changes for it.
/// role: null where one score chooses for the whole stage, and for the first of several roles.
[<Sealed>]
type internal BestState
    (
        stage: string,
        role: string,
        score: float,
        epoch: int64,
        modules: IReadOnlyDictionary<string, IReadOnlyDictionary<string, Tensor>>
    ) =

    /// The stage's name within the run.
    member _.Stage = stage

    /// What it is saved under.
    member _.Name = if isNull role then stage else $"{stage}@{role}"

    /// Higher is better.
    member _.Score = score

    /// Epochs done when it was reached.
    member _.Epoch = epoch

    /// Tensors by module, then by name; owned.
    member _.Modules = modules

    /// One that was saved under a name.
    static member Named(name: string, score: float, epoch: int64, modules: IReadOnlyDictionary<_, _>) =
        match name.Split('@', 2) with
        | [| stage; role |] -> new BestState(stage, role, score, epoch, modules)
        | _ -> new BestState(name, null, score, epoch, modules)

    interface IDisposable with
        member _.Dispose() =
            for tensors in modules.Values do
                ModuleCopies.drop tensors

/// The best states of a run's stages.
[<Sealed>]
type internal Bests(run: LiveRun) =
    let states = SortedDictionary<string, BestState>(StringComparer.Ordinal)

    let handles (trainable: Trainable) = trainable.Parameters |> Seq.map (fun struct (_, p) -> p.Handle)

    // What a stage changes: modules of its roles (their buffers too) and those that hold a parameter it trains.
    let changedBy (stage: Stage) =
        let trained = stage.Trainables |> Seq.collect handles |> HashSet

        let roles = stage.Trains |> Seq.map (fun role -> $"role/{role}") |> HashSet

        run.Modules
        |> Seq.filter (fun m ->
            roles.Contains m.Key
            || m.Value.parameters () |> Seq.exists (fun p -> trained.Contains p.Handle))
        |> Seq.toArray

    // The role that a module goes with: its own, or the first one that a trainable of it trains the module with; the first
    // evaluated one where there is none.
    let ownerOf (stage: Stage) (name: string) (m: torch.nn.Module) : string =
        let own = m.parameters () |> Seq.map _.Handle |> HashSet

        let reaches (role: string) =
            let network =
                (run.Role role).Network.Module.parameters() |> Seq.map _.Handle |> HashSet

            let touches (some: HashSet<nativeint>) (t: Trainable) = Seq.exists some.Contains (handles t)
            stage.Trainables |> Seq.exists (fun t -> touches network t && touches own t)

        match stage.Evaluates |> Seq.tryFind (fun role -> name = $"role/{role}") with
        | Some role -> role
        | None ->
            stage.Evaluates
            |> Seq.tryFind reaches
            |> Option.defaultWith (fun () -> Seq.head stage.Evaluates)

    let put (state: BestState) =
        match states.TryGetValue state.Name with
        | true, old -> (old :> IDisposable).Dispose()
        | _ -> ()

        states[state.Name] <- state

    // Those of other stages that changed the same modules are no longer anybody's best.
    let supersede (stage: string) =
        let changed =
            states.Values
            |> Seq.filter (fun s -> s.Stage = stage)
            |> Seq.collect _.Modules.Keys
            |> HashSet

        for other in Seq.toArray states.Values do
            if other.Stage <> stage && Seq.forall changed.Contains other.Modules.Keys then
                (other :> IDisposable).Dispose()
                states.Remove other.Name |> ignore

    /// All, by the names that they are saved under.
    member _.All: IReadOnlyDictionary<string, BestState> = states

    /// Takes a copy if the score is the best so far. name: the stage's within the run. role: of several that the stage
    /// evaluates the one whose score it is, with the modules that go with it; null where the score is the whole stage's.
    member _.Offer(stage: Stage, name: string, role: string, score: float, epoch: int64) =
        // The first of several is saved as the only one is.
        let saved =
            if role = (Seq.tryHead stage.Evaluates |> Option.toObj) then
                null
            else
                role

        let modules = Dictionary<string, IReadOnlyDictionary<string, Tensor>>()
        let state = new BestState(name, saved, score, epoch, modules)

        let better =
            match states.TryGetValue state.Name with
            | true, best -> score > best.Score
            | _ -> not (Double.IsNaN score)

        if better then
            for entry in changedBy stage do
                if isNull role || ownerOf stage entry.Key entry.Value = role then
                    modules[entry.Key] <- ModuleCopies.take entry.Value

            put state
            supersede name

    /// Puts a state that was saved back among the others.
    member _.Restore(state: BestState) = put state

    /// The best state that holds a role's network; null where there is none.
    member _.OfRole(role: string) : BestState =
        states.Values
        |> Seq.filter (fun s -> s.Modules.ContainsKey $"role/{role}")
        |> Seq.tryLast
        |> Option.defaultValue Unchecked.defaultof<_>

    interface IDisposable with
        member _.Dispose() =
            for state in states.Values do
                (state :> IDisposable).Dispose()
