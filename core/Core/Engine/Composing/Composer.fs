namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Composes runs.
/// watcher: looks at how long plans take; null for nobody. Raises the KDP02xx, 03xx, 04xx and 05xx of whatever does not fit.
[<Sealed>]
type internal Composer(recipe: Recipe, catalog: IPluginCatalog, clock: TimeProvider, watcher: StepWatcher) =
    let seed = recipe.Seeds[0]
    let owned = List<IDisposable>()
    let plugins = SortedDictionary<string, string>(StringComparer.Ordinal)
    let used = SortedDictionary<string, UsedPlugin>(StringComparer.Ordinal)
    let key = RandomKey(uint64 seed)

    let create (kind: PluginKind) (choice: PluginChoice) : 'T =
        let instance = RecipePlugins.Create(catalog, kind, choice)
        owned.Add instance
        let name = $"{kind.ToString().ToLowerInvariant()}/{choice.Id}"
        plugins[name] <- instance.Descriptor.Sha256
        used[name] <- UsedPlugin instance.Descriptor
        PluginNames.give instance.Plugin (PluginNames.ofKind kind choice.Id)
        instance.Plugin :> obj :?> 'T

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

    let plan (section: TrainingSection) =
        let precision =
            if recipe.Precision = "bf16" then
                torch.ScalarType.BFloat16
            else
                torch.ScalarType.Float32

        TrainingPlan(
            section.Epochs,
            section.BatchSize,
            section.Optimiser.ToSettings(),
            Schedules.ofSection section.Schedule,
            precision
        )

    let run = LiveRun(device, plan recipe.Training, key, clock)

    let keepState (name: string) (state: torch.nn.Module) =
        NormGuard.attach $"the state '{name}'" state
        run.Modules[$"state/{name}"] <- state

    let registry = new StateRegistry(device, Action<string, torch.nn.Module> keepState)

    let openDataset (choice: PluginChoice) : IDataset =
        let plugin: IDatasetPlugin = create PluginKind.Dataset choice
        let place = "while it was opened"

        let data =
            PluginCall.composing plugin place "Open" (fun () -> plugin.Open recipe.Folder)

        PluginNames.give data (PluginNames.find plugin)

        try
            PluginCall.at plugin (fun () -> place) (fun () -> DataSetCheck.require plugin data)
        with _ ->
            data.Dispose()
            reraise ()

        data

    // Every batch that comes out of a data set is looked at.
    let openSplit (data: IDataset) (split: string) : IDataSource =
        let source =
            PluginCall.composing data $"while its split '{split}' was opened" "Open" (fun () -> data.Open split)

        let looked = CheckedSource(data, $"split '{split}'", data.Info, source)
        PluginNames.give looked $"split '{split}' of {PluginNames.find data}"
        looked

    let dataset = openDataset recipe.Dataset
    let info = dataset.Info

    let addFeed (name: string) (data: DataInfo) (source: IDataSource) =
        if source.Count < 1L then
            Fail.error
                CoreErrors.NoSamples
                $"The source '{name}' has {source.Count} samples ({PluginNames.find source}); at least 1 is needed."

        run.Infos[name] <- data

        run.Feeds[name] <- Feed(name, source, recipe.Training.BatchSize, key.Derive("order").Derive(name), clock, false)

    let consulting = List<struct (string * IAugmentation)>()

    let augmentation (choice: PluginChoice) =
        let made: IAugmentation = create PluginKind.Augmentation choice
        PluginCall.at made (fun () -> "while it was bound") (fun () -> made.Bind info)
        consulting.Add(struct (choice.Id, made))
        made

    let checkConsults () =
        for struct (id, made) in consulting do
            for role in made.Consults do
                if not (run.Roles.ContainsKey role) then
                    let known = String.Join(", ", run.Roles.Keys)

                    Fail.error
                        CoreErrors.RoleMissing
                        $"Augmentation '{id}' consults the role '{role}'; the recipe has: {known}."

    // Networks that are made for the main data set are evaluated on these.
    let checkStandIn (name: string) (other: DataInfo) =
        let text (data: DataInfo) =
            let shape = String.Join(", ", data.InputShape)
            $"inputs [{shape}] of {data.Classes} classes"

        if text other <> text info then
            Fail.error
                CoreErrors.ShapesDiffer
                $"The source '{name}' has {text other}; the main data set, which it evaluates, has {text info}."

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

    let openSources () =
        owned.Add dataset
        let training = openSplit dataset "train"

        let struct (train, validation) =
            match recipe.Validation with
            | v when v.IsOfSource -> struct (training, null)
            | v when not (isNull v.Split) -> struct (training, openSplit dataset v.Split)
            | v -> Split.carve dataset.Fingerprint v training

        addFeed "train" info train

        if not (isNull validation) then
            addFeed "validation" info validation

        if Seq.contains "test" dataset.Splits then
            addFeed "test" info (openSplit dataset "test")

        let data = SortedDictionary<string, string>(StringComparer.Ordinal)
        data["dataset"] <- dataset.Fingerprint

        for section in recipe.Sources do
            let opened = openDataset section.Dataset
            owned.Add opened

            if section.Name = SourceSection.Validation || section.Name = SourceSection.Test then
                checkStandIn section.Name opened.Info

            addFeed section.Name opened.Info (openSplit opened section.Split)
            data[section.Name] <- opened.Fingerprint

        data

    let makeNetwork (section: ModelSection) (key: RandomKey) (classes: int64) =
        use _ = RandomScope.Use key.Value
        let plugin = create PluginKind.Model section.Model: IModelPlugin
        let classes = if classes > 0L then classes else info.Classes

        let shape =
            run.Shared |> Seq.fold (fun shape a -> a.OutputShape shape) info.InputShape

        let place = $"while the network of '{section.Role}' was made"

        let network =
            PluginCall.composing plugin place "Create" (fun () -> plugin.Create(ModelRequest(shape, classes, info)))

        PluginNames.give network $"{PluginNames.find plugin} of '{section.Role}'"
        network.Module.``to`` device |> ignore
        network.Module.ToChannelsLast() |> ignore
        NormGuard.attach $"the network of '{section.Role}'" network.Module
        network

    let factory =
        { new INetworkFactory with
            member _.Make(role, key, classes) =
                match recipe.Model role with
                | section when isNull (box section) ->
                    Fail.error
                        CoreErrors.RoleMissing
                        $"A new network like '{role}' is asked for; the recipe has no such role."
                | section ->
                    DrawCheck.During($"Making a network like '{role}'", (fun () -> makeNetwork section key classes))
        }

    // The baseline starts from the same weights as the network it is compared with.
    let keyOf (role: string) (result: string) =
        key.Derive("init").Derive(if role = Recipe.BaselineRole then result else role)

    let addRoles (result: string) =
        let networks = SortedDictionary<string, string>(StringComparer.Ordinal)

        for section in recipe.Models do
            let network = makeNetwork section (keyOf section.Role result) 0L

            if not (String.IsNullOrEmpty section.Weights) then
                let path = recipe.PathOf section.Weights

                ModuleWeights.Load(network.Module, path, LoadOptions(RefuseNonFinite = true))
                |> ignore

                networks[section.Role] <- FileHash.sha256 path

            let role = RoleState(section.Role, network, true)

            if String.IsNullOrEmpty section.Weights then
                role.Untrained <- Nullable role.Weights

            role.Augmentations <- recipe.AugmentationsOf section.Role |> Seq.map augmentation |> Seq.toArray
            run.Roles[section.Role] <- role
            run.Modules[$"role/{section.Role}"] <- network.Module

        networks

    let uniqueIds (choices: IReadOnlyList<LossChoice>) =
        let seen = Dictionary<string, int>()

        [|
            for choice in choices ->
                let id = choice.Loss.Id
                let n = seen.GetValueOrDefault id + 1
                seen[id] <- n
                if n = 1 then id else $"{id}-{n}"
        |]

    // A bank with a row for every sample is made when its loss is bound; a machine that cannot hold it would end the process.
    let checkBank (choice: LossChoice) (bindingFor: int64 -> LossBinding) (samples: int64) =
        let bytesFor (n: int64) =
            use _ = torch.NewDisposeScope()
            use _ = RandomScope.Use 0UL
            use instance = RecipePlugins.Create(catalog, PluginKind.Loss, choice.Loss)
            let loss = instance.Plugin :?> IDistillationLoss
            loss.Bind(bindingFor n)

            if isNull loss.Module then
                0L
            else
                Memory.bytesOf loss.Module

        let foretold =
            // What it cannot be bound to at all, the binding itself tells.
            try
                Memory.foretell bytesFor samples
            with _ ->
                0.0

        let limit = Memory.limit ()

        if foretold > float limit then
            Fail.error
                CoreErrors.Memory
                $"The loss '{choice.Loss.Id}' keeps {Memory.text foretold} for {samples} training samples; this process may use {Memory.text (float limit)}."

    let bindLosses (phase: string) (choices: IReadOnlyList<LossChoice>) (losses: IDistillationLoss[]) =
        let shapes = Dictionary<string, NetworkShape>()

        for role in run.Roles.Values do
            shapes[role.Name] <- role.Network.Shape

        let samples = (openSplit dataset "train").Count
        let bindingFor n = LossBinding(shapes, info, n, device)
        let binding = bindingFor samples

        if samples >= Memory.manySamples then
            for choice in choices do
                checkBank choice bindingFor samples

        let ids = uniqueIds choices

        let bound =
            Array.map3
                (fun id (choice: LossChoice) loss -> WeightedLoss(id, choice.Weight, loss))
                ids
                (Seq.toArray choices)
                losses

        for weighted in bound do
            use _ = RandomScope.Use(key.Derive("loss").Derive(phase).Derive(weighted.Id).Value)
            let place = "while it was bound"
            PluginCall.at weighted.Loss (fun () -> place) (fun () -> weighted.Loss.Bind binding)

            if not (isNull weighted.Loss.Module) then
                weighted.Loss.Module.``to`` device |> ignore
                NormGuard.attach $"the loss '{weighted.Id}'" weighted.Loss.Module
                run.Modules[$"loss/{phase}/{weighted.Id}"] <- weighted.Loss.Module

            let taps = Dictionary<string, IReadOnlyCollection<string>>()

            for role in run.Roles.Values do
                taps[role.Name] <-
                    PluginCall.composing weighted.Loss place "Taps" (fun () ->
                        weighted.Loss.Taps(role.Name, role.Network.Shape))

            weighted.Taps <- taps

        bound :> IReadOnlyList<WeightedLoss>

    let makeGenerators () =
        let made = Dictionary<string, IGenerator>()

        for section in recipe.Generators do
            let generator: IGenerator = create PluginKind.Generator section.Generator

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

    let makePhase
        name
        origin
        strategyChoice
        (training: TrainingSection)
        (choices: IReadOnlyList<LossChoice>)
        generators
        exports
        =
        let strategy: IDistillationStrategy = create PluginKind.Strategy strategyChoice
        checkNeeds name strategy

        let losses =
            choices
            |> Seq.map (fun c -> create PluginKind.Loss c.Loss: IDistillationLoss)
            |> Seq.toArray

        let bound = lazy (bindLosses name choices losses)
        let plan = plan training

        if name <> "" then
            PluginNames.rename strategy $"strategy '{strategyChoice.Id}' of phase '{name}'"

        let phase = Phase(name, strategy, plan, int training.Accumulate, bound)

        let teaching =
            Seq.zip choices losses
            |> Seq.filter (fun (_, loss) -> loss.NeedsTeacher)
            |> Seq.map (fun (choice, _) -> choice.Loss.Id)
            |> Seq.toArray

        let bind =
            Func<IReadOnlyList<WeightedLoss>>(fun () -> DrawCheck.During("Binding the losses", (fun () -> bound.Value)))


        let context =
            PlanContext(name, strategy, run, plan, info, origin, factory, generators, bind, teaching, registry, exports)

        // What a plan draws from the default generators (initial weights, mostly) is the same in every process.
        phase.Stages <-
            (use _ = RandomScope.Use(key.Derive("plan-torch").Derive(name).Value)
             PlanCall.run watcher name strategy context)

        bound.Value |> ignore

        for struct (stage, count) in phase.Stages |> Seq.countBy _.Name |> Seq.map (fun (n, c) -> struct (n, c)) do
            if count > 1 then
                Fail.error
                    CoreErrors.WrongCombination
                    $"The strategy '{strategyChoice.Id}' plans {count} stages named '{stage}'."

        phase

    let makeMeters () =
        let meter (choice: PluginChoice) = struct (choice.Id, (create PluginKind.Meter choice: IMeter))

        let byDefault kind =
            meter
                {
                    Id = DefaultMeter.find catalog kind
                    Options = "{}"
                }

        Meters(recipe.Evaluation.Meters |> Seq.map meter |> Seq.toArray, recipe.Evaluation.Best, byDefault)

    // Every run ends with an evaluation: what cannot be measured is said before the first step.
    let checkMeters () =
        for name in [ SourceSection.Validation; SourceSection.Test ] do
            match run.Infos.TryGetValue name with
            | true, data -> run.Meters.Require(name, data.Target) |> ignore
            | _ -> ()

    let openData () =
        run.Meters <- makeMeters ()
        run.Shared <- recipe.AugmentationsOf Recipe.Shared |> Seq.map augmentation |> Seq.toArray
        run.EvaluationBatch <- recipe.Evaluation.BatchSize
        openSources ()

    let composed (phases: IReadOnlyList<Phase>) exports networks data =
        checkConsults ()

        for stage in phases |> Seq.collect _.Stages do
            for trainable in stage.Trainables do
                for struct (_, p) in trainable.Parameters do
                    run.Trained[p.Handle] <- p

        let identity =
            RunIdentity(
                FileHash.text (recipe.ToResolvedJson()),
                plugins,
                networks,
                data,
                Build.version,
                Build.libtorch device
            )

        new Composition(recipe, seed, run, dataset, phases, registry, exports, identity, Seq.toArray used.Values, owned)

    let guarded (compose: unit -> Composition) =
        try
            compose ()
        with _ ->
            for thing in Seq.rev owned do
                thing.Dispose()

            reraise ()

    /// Composes the run.
    member _.Compose() : Composition =
        guarded (fun () ->
            let data = openData ()
            checkMeters ()

            let result =
                (create PluginKind.Strategy recipe.Strategy: IDistillationStrategy).Result

            let networks = addRoles result
            let generators = makeGenerators ()
            let exports = List<Export>()
            let origin = originOf data

            let phase name strategy training losses = makePhase name origin strategy training losses generators exports

            let prepared =
                [|
                    for section in recipe.Prepare ->
                        phase section.Name section.Strategy section.Training section.Losses
                |]

            let main = phase "" recipe.Strategy recipe.Training recipe.Losses
            composed (Array.append prepared [| main |]) exports networks data)

    /// Composes data, networks and augmentations alone: no phase, no loss, no generator.
    member _.ComposeNetworks() : Composition =
        guarded (fun () ->
            let data = openData ()
            let networks = addRoles ""
            composed [||] [||] networks data)

    /// A further augmentation, bound to the composed data; it lives as long as the composition.
    member _.Augmentation(choice: PluginChoice) = augmentation choice
