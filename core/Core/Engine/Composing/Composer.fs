namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch

/// Composes runs.
/// shared: the data that further compositions of the run read too; null where there are none. watcher: looks at how long plans
/// take; null for nobody. Raises the KDP02xx, 03xx, 04xx and 05xx of whatever does not fit.
[<Sealed>]
type internal Composer
    (recipe: Recipe, catalog: IPluginCatalog, shared: OpenedData, clock: TimeProvider, watcher: StepWatcher) =
    let seed = recipe.Seeds[0]
    let maker = new PluginMaker(catalog)
    let key = RandomKey(uint64 seed)

    let opened =
        if isNull (box shared) then
            new OpenedData(catalog, recipe.Folder)
        else
            shared

    // In the order of their making.
    let owned =
        { new IDisposable with
            member _.Dispose() =
                (maker :> IDisposable).Dispose()

                if isNull (box shared) then
                    (opened :> IDisposable).Dispose()
        }

    let device =
        match recipe.Device with
        | "auto" ->
            if NativeRuntime.Start().CudaAvailable then
                torch.device "cuda:0"
            else
                torch.CPU
        | name ->
            if
                name.StartsWith("cuda", StringComparison.Ordinal)
                && not (NativeRuntime.Start().CudaAvailable)
            then
                Fail.error
                    CoreErrors.WrongCombination
                    $"The recipe asks for the device '{name}': {NativeRuntime.Start().CudaStatus}"

            torch.device name

    let plan (section: TrainingSection) (plateau: Plateau) =
        let precision =
            if recipe.Precision = "bf16" then
                torch.ScalarType.BFloat16
            else
                torch.ScalarType.Float32

        TrainingPlan(
            section.Epochs,
            section.BatchSize,
            section.Optimiser.ToSettings(),
            Schedules.ofSection section.Schedule (Func<double>(fun () -> plateau.Factor)),
            precision
        )

    let run =
        LiveRun(device, plan recipe.Training (Plateau recipe.Training.Schedule), key, clock)

    let keepState (name: string) (state: torch.nn.Module) =
        NormGuard.attach $"the state '{name}'" state
        run.Modules[$"state/{name}"] <- state

    let registry = new StateRegistry(device, Action<string, torch.nn.Module> keepState)
    let sources = RunSources(recipe, run, opened, maker)
    let info = sources.Main.Info
    let networks = NetworkMaker(recipe, run, maker, info)
    let consulting = List<struct (string * IAugmentation)>()

    let augmentation (choice: PluginChoice) =
        let made = maker.Make<IAugmentation>(PluginKind.Augmentation, choice)
        PluginCall.at made (fun () -> "while it was bound") (fun () -> made.Bind info)
        consulting.Add(struct (choice.Id, made))
        made

    let augmentationsOf (role: string) = recipe.AugmentationsOf role |> Seq.map augmentation |> Seq.toArray

    let checkConsults () =
        for struct (id, made) in consulting do
            for role in made.Consults do
                if not (run.Roles.ContainsKey role) then
                    let known = String.Join(", ", run.Roles.Keys)

                    Fail.error
                        CoreErrors.RoleMissing
                        $"Augmentation '{id}' consults the role '{role}'; the recipe has: {known}."

    let originOf (data: IReadOnlyDictionary<string, string>) =
        let all = SortedDictionary<string, string>(StringComparer.Ordinal)
        all["recipe"] <- recipe.Name
        all["recipe-sha256"] <- recipe.Identity()
        all["method"] <- recipe.Strategy.Id
        all["seed"] <- string seed
        all["build"] <- Build.version

        for entry in data do
            all[$"{entry.Key}-sha256"] <- entry.Value

        all :> IReadOnlyDictionary<string, string>

    let makeGenerators () =
        let made = Dictionary<string, IGenerator>()

        for section in recipe.Generators do
            let generator = maker.Make<IGenerator>(PluginKind.Generator, section.Generator)

            use _ = RandomScope.Use(key.Derive("generator").Derive(section.Name).Value)

            PluginCall.at generator (fun () -> "while it was bound") (fun () ->
                generator.Bind(GeneratorBinding(info, device)))

            if not (isNull generator.Module) then
                generator.Module.``to`` device |> ignore
                NormGuard.attach $"the generator '{section.Name}'" generator.Module
                run.Modules[$"generator/{section.Name}"] <- generator.Module

            made[section.Name] <- generator

        made

    let checkNeeds (phase: string) (strategy: IDistillationStrategy) =
        for role in Seq.append strategy.Needs [ strategy.Result ] do
            if not (run.Roles.ContainsKey role) then
                let known = String.Join(", ", run.Roles.Keys)

                let where =
                    if phase = "" then
                        "The strategy"
                    else
                        $"The strategy of phase '{phase}'"

                Fail.error CoreErrors.RoleMissing $"{where} needs the role '{role}'; the recipe has: {known}."

    let strategyOf (choice: PluginChoice) = maker.Make<IDistillationStrategy>(PluginKind.Strategy, choice)

    let checkSampling (training: TrainingSection) (stages: IReadOnlyList<Stage>) =
        if training.Sampling = "balanced" then
            for name in
                stages
                |> Seq.filter (fun s -> s.StepsPerEpoch = 0L)
                |> Seq.map _.Source
                |> Seq.distinct do
                match run.Feeds.TryGetValue name with
                | true, feed when not feed.Changes && (Strata.classesOf feed.Source).IsNone ->
                    Fail.error
                        CoreErrors.WrongCombination
                        $"training.sampling is \"balanced\", and the source '{name}' ({PluginNames.find feed.Source}) does not say of which class its samples are."
                | _ -> ()

    let makePhase
        origin
        generators
        exports
        (name: string)
        (id: string)
        (strategy: IDistillationStrategy)
        (training: TrainingSection)
        (choices: IReadOnlyList<LossChoice>)
        =
        checkNeeds name strategy
        let losses = PhaseLosses(name, choices, maker, run, info, sources.Samples)
        let plateau = Plateau training.Schedule
        let plan = plan training plateau

        if name <> "" then
            PluginNames.rename strategy $"strategy '{id}' of phase '{name}'"

        let context =
            PlanContext(name, strategy, run, plan, info, origin, networks, generators, losses, registry, exports)

        // What a plan draws from the default generators (initial weights, mostly) is the same in every process.
        let stages =
            use _ = RandomScope.Use(key.Derive("plan-torch").Derive(name).Value)
            PlanCall.run watcher name strategy context

        if not (isNull losses.Untaught) then
            Untaught.Require($"The strategy of phase '{name}' trains '{losses.Untaught}'", context)

        losses.BindRest()
        Freezing.apply run name stages
        Freezing.checkRates name training.Optimiser stages
        checkSampling training stages

        for name, count in stages |> Seq.countBy _.Name do
            if count > 1 then
                Fail.error CoreErrors.WrongCombination $"The strategy '{id}' plans {count} stages named '{name}'."

        Phase(
            name,
            strategy,
            plan,
            int training.Accumulate,
            losses,
            Stages = stages,
            Section = training,
            Plateau = plateau
        )

    // What early stopping looks at, where the recipe names a value.
    let awaited =
        Seq.append [ recipe.Training ] (recipe.Prepare |> Seq.map _.Training)
        |> Seq.map _.EarlyStopping
        |> Seq.filter (fun s -> not (s.IsNone || isNull s.Value))
        |> Seq.map _.Value
        |> Seq.distinct
        |> Seq.toArray

    let checkAwaited () =
        match run.Infos.TryGetValue SourceSection.Validation with
        | true, data ->
            let values = (run.Meters.For data.Target).Values |> Seq.map _.Name |> Seq.toArray

            for value in awaited |> Seq.except values do
                let known = String.Join(", ", values)

                Fail.error
                    CoreErrors.BestUnknown
                    $"training.earlyStopping looks at '{value}', which nothing measures on 'validation'; there is: {known}."
        | _ -> ()

    // An average is reported under a name of its own.
    let checkAverages (phases: IReadOnlyList<Phase>) =
        for phase in phases do
            if not phase.Section.Ema.IsNone then
                for role in phase.Stages |> Seq.collect _.Trains |> Seq.distinct do
                    let name = Averages.NameOf role

                    if run.Roles.ContainsKey name then
                        Fail.error
                            CoreErrors.WrongCombination
                            $"The average of '{role}', which training.ema asks for, is called '{name}', and there is a role of that name."

    let makeMeters () =
        let meter (choice: PluginChoice) = struct (choice.Id, maker.Make<IMeter>(PluginKind.Meter, choice))

        let byDefault kind =
            meter
                {
                    Id = DefaultMeter.find catalog kind
                    Options = "{}"
                }

        let named = recipe.Evaluation.Meters |> Seq.map meter |> Seq.toArray
        Meters(named, recipe.Evaluation.Best, byDefault, IsWhole = (awaited.Length > 0))

    // Every run ends with an evaluation: what cannot be measured is said before the first step.
    let checkMeters () =
        for name in [ SourceSection.Validation; SourceSection.Test ] do
            match run.Infos.TryGetValue name with
            | true, data -> run.Meters.Require(name, data.Target) |> ignore
            | _ -> ()

        checkAwaited ()

    let openData () =
        run.Meters <- makeMeters ()
        run.Shared <- augmentationsOf Recipe.Shared
        run.EvaluationBatch <- recipe.Evaluation.BatchSize
        sources.Open()

    let composed (phases: IReadOnlyList<Phase>) exports weights data =
        checkConsults ()
        checkAverages phases

        for stage in phases |> Seq.collect _.Stages do
            for trainable in stage.Trainables do
                for struct (_, p) in trainable.Parameters do
                    run.Trained[p.Handle] <- p

        let identity =
            RunIdentity(recipe.Identity(), maker.Hashes, weights, data, Build.version, Build.libtorch device)

        new Composition(recipe, seed, run, sources.Main, phases, registry, exports, identity, maker.Used, owned)

    let guarded (compose: unit -> Composition) =
        try
            compose ()
        with _ ->
            owned.Dispose()
            reraise ()

    /// With data that are the composition's own.
    new(recipe, catalog, clock, watcher) = Composer(recipe, catalog, Unchecked.defaultof<_>, clock, watcher)

    /// Composes the run.
    member _.Compose() : Composition =
        guarded (fun () ->
            let data = openData ()
            checkMeters ()
            let strategy = strategyOf recipe.Strategy
            let weights = networks.Fill(strategy.Result, augmentationsOf)
            Freezing.note recipe run
            let generators = makeGenerators ()
            let exports = List<Export>()
            let phase = makePhase (originOf data) generators exports

            let prepared =
                [|
                    for section in recipe.Prepare ->
                        let strategy = strategyOf section.Strategy
                        phase section.Name section.Strategy.Id strategy section.Training section.Losses
                |]

            let main = phase "" recipe.Strategy.Id strategy recipe.Training recipe.Losses
            run.Replay <- Replays.make recipe run maker sources.Origins
            composed (Array.append prepared [| main |]) exports weights data)

    /// Composes data, networks and augmentations alone: no phase, no loss, no generator.
    member _.ComposeNetworks() : Composition =
        guarded (fun () ->
            let data = openData ()
            composed [||] [||] (networks.Fill("", augmentationsOf)) data)

    /// A further augmentation, bound to the composed data; it lives as long as the composition.
    member _.Augmentation(choice: PluginChoice) = augmentation choice
