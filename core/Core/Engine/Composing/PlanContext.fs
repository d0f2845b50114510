namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Torch

/// A file a strategy writes when the run is done, under "outputs/<name>".
[<Sealed>]
type internal Export(name: string, write: Action<string>) =

    /// The folder's name.
    member _.Name = name

    /// Writes into the folder.
    member _.Write = write

/// State under a phase's name, so that two phases with the same strategy do not meet.
[<Sealed>]
type internal PhaseState(phase: string, registry: IStateRegistry) =
    let place (name: string) = if phase = "" then name else $"{phase}/{name}"

    interface IStateRegistry with
        member _.Register(name: string, state: torch.nn.Module) = registry.Register(place name, state)
        member _.Register(name: string, state: Parameter) = registry.Register(place name, state)
        member _.Counter(name, initial) = registry.Counter(place name, initial)
        member _.Pool(name, capacity) = registry.Pool(place name, capacity)

/// Makes networks for roles.
type internal INetworkFactory =

    /// A network of the same architecture as a role's, on the device, its weights drawn for the key.
    abstract Make: role: string * key: RandomKey * classes: int64 -> INetwork

/// What a phase's strategy plans with.
[<Sealed>]
type internal PlanContext
    (
        phase: string,
        strategy: IDistillationStrategy,
        run: LiveRun,
        training: TrainingPlan,
        data: DataInfo,
        origin: IReadOnlyDictionary<string, string>,
        factory: INetworkFactory,
        generators: IReadOnlyDictionary<string, IGenerator>,
        bindLosses: Func<IReadOnlyList<WeightedLoss>>,
        teacherLosses: IReadOnlyCollection<string>,
        registry: StateRegistry,
        exports: List<Export>
    ) =

    let known (names: seq<string>) = String.Join(", ", names)

    let lossParameters () =
        bindLosses.Invoke()
        |> Seq.filter (fun l -> not (isNull l.Loss.Module))
        |> Seq.collect (fun l ->
            l.Loss.Module.named_parameters ()
            |> Seq.map (fun struct (name, p) -> struct ($"loss.{l.Id}.{name}", p)))

    interface IPlanContext with
        member _.Training = training
        member _.Device = run.Device
        member _.Data = data
        member _.Origin = origin
        member _.Roles = run.Roles.Keys
        member _.TeacherLosses = teacherLosses
        member _.Network role = (run.Role role).Network
        member _.NewNetwork(role, key, classes) = factory.Make(role, key, classes)

        member this.AddRole(role, network, viewsLike) =
            let augmentations = (run.Role viewsLike).Augmentations
            (this :> IPlanContext).AddRole(role, network)
            run.Roles[role].Augmentations <- augmentations

        member _.AddRole(role, network) =
            if run.Roles.ContainsKey role then
                Fail.error
                    CoreErrors.WrongCombination
                    $"The strategy of phase '{phase}' adds the role '{role}', which there is already."

            PluginNames.give network $"the network of '{role}'"
            network.Module.``to`` run.Device |> ignore
            network.Module.ToChannelsLast() |> ignore
            NormGuard.attach $"the network of '{role}'" network.Module
            run.Roles[role] <- RoleState(role, network, false)
            run.Modules[$"role/{role}"] <- network.Module

        member _.Generator name =
            match generators.TryGetValue name with
            | true, generator -> generator
            | _ ->
                Fail.error
                    CoreErrors.RoleMissing
                    $"The strategy of phase '{phase}' needs the generator '{name}'; the recipe has: {known generators.Keys}."

        member _.SourceCount source = (run.Feed source).Source.Count
        member _.Sources = run.Feeds.Keys

        member _.SourceData source =
            match run.Infos.TryGetValue source with
            | true, info -> info
            | _ ->
                Fail.error
                    CoreErrors.SourceMissing
                    $"The strategy of phase '{phase}' asks what the source '{source}' holds; the recipe has: {known run.Infos.Keys}."


        member _.AddSource(name, source) =
            if run.Feeds.ContainsKey name then
                Fail.error
                    CoreErrors.WrongCombination
                    $"The strategy of phase '{phase}' adds the source '{name}', which there is already."

            let key = run.Key.Derive("order").Derive(name)

            run.Feeds[name] <-
                Feed(
                    name,
                    CheckedSource(strategy, $"source '{name}'", null, source),
                    training.BatchSize,
                    key,
                    run.Clock,
                    true
                )

        member _.State = PhaseState(phase, registry)
        member _.Random = run.Key.Derive("plan").Derive(phase)

        member _.TrainableOf role =
            let own =
                (run.Role role).Network.Module.named_parameters()
                |> Seq.map (fun struct (name, p) -> struct (name, p))

            Trainable(role, Seq.append own (lossParameters ()) |> Seq.toArray, null, null)

        member _.Export(name, write) =
            // What a disk refuses keeps its meaning.
            let guarded (folder: string) =
                try
                    write.Invoke folder
                with
                | :? IOException
                | :? UnauthorizedAccessException -> reraise ()
                | error ->
                    let place = $"while it exported '{name}'"
                    PluginCall.rethrow (PluginCall.told (PluginNames.find strategy) place error)

            exports.Add(Export(name, Action<string> guarded))
