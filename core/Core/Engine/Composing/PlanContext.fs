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
        networks: NetworkMaker,
        generators: IReadOnlyDictionary<string, IGenerator>,
        losses: PhaseLosses,
        registry: StateRegistry,
        exports: List<Export>
    ) =

    let known (names: seq<string>) = String.Join(", ", names)

    let trainable (role: string) (sets: IReadOnlyList<WeightedLoss> seq) =
        let network = (run.Role role).Network
        let own = network.Module.named_parameters ()

        if Seq.isEmpty own then
            Fail.error
                CoreErrors.WrongCombination
                $"The strategy of phase '{phase}' trains the role '{role}', and {PluginNames.find network} has no parameters."

        let ofLosses =
            Seq.concat sets
            |> Seq.filter (fun l -> not (isNull l.Loss.Module))
            |> Seq.collect (fun l ->
                l.Loss.Module.named_parameters ()
                |> Seq.map (fun struct (name, p) -> struct ($"loss.{l.Id}.{name}", p)))

        Trainable(role, Seq.append own ofLosses |> Seq.toArray, null, null)

    interface IPlanContext with
        member _.Training = training
        member _.Device = run.Device
        member _.Data = data
        member _.Origin = origin
        member _.Roles = run.Roles.Keys
        member _.TeacherLosses = losses.Teaching
        member _.Network role = (run.Role role).Network
        member _.NewNetwork(role, key, classes) = networks.Like(role, key, classes)

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
        member _.Samples source = (run.Feed source).Source
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

        member _.TrainableOf role = trainable role [ losses.For role ]

        member _.TrainableOf(role, teachers) =
            for named in Seq.append [ role ] teachers do
                run.Role named |> ignore

            let learnt =
                match teachers.Count with
                | 0 -> [ losses.For(role, null) ]
                | _ -> [ for teacher in Seq.distinct teachers -> losses.For(role, teacher) ]

            trainable role learnt

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
