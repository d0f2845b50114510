namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Text.Json.Nodes
open System.Threading
open TorchSharp
open KdPlugins.Torch

/// Where a sitting of a run ended.
[<Sealed>]
type ExperimentEnd(state: SessionEnd, report: JsonObject) =

    /// How it ended.
    member _.State = state

    /// The report; null where the run was stopped before its end.
    member _.Report = report

/// Runs recipes: one run per seed, each in a folder of its own.
[<AbstractClass; Sealed>]
type Experiment private () =

    static let seedFolder (path: string) (seed: int64) = Path.Combine(path, $"seed-{seed}")

    static let exitCode (options: SessionOptions) (cause: exn) =
        if isNull options.ExitCode then
            Nullable()
        else
            Nullable(options.ExitCode.Invoke cause)

    static let stopped (folder: RunFolder) (options: SessionOptions) =
        folder.WriteStatus(RunState.Stopped, exitCode options (OperationCanceledException()), "stopped on request")
        ExperimentEnd(SessionEnd.Stopped, null)

    // A run that diverged goes on from its newest checkpoint, which is a good one: others are not written.
    static let offered (root: string) (saved: CheckpointInfo) (error: exn) : exn =
        match error with
        | :? KdException as failure when
            Seq.contains failure.Code TrainingErrors.Diverged
            && not (isNull saved)
            && saved.Position.Step > 0L
            ->
            let place = $"The last good checkpoint is '{saved.Name}' ({saved.Position})."
            let recipe = Path.Combine(root, "recipe.json")

            let remedy =
                $"{failure.Code.Remedy} To go on from there, change '{recipe}', then: kd resume {root} --override-changes"

            KdException(failure.Code, $"{failure.Detail} {place}", remedy, failure)
        | _ -> error

    static let failed (folder: RunFolder) (options: SessionOptions) (error: exn) =
        folder.TryWriteStatus(RunState.Failed, exitCode options error, error.Message)
        |> ignore

    static let tellSkipped (saved: LoadedCheckpoint) (warn: Action<string>) =
        if not (isNull saved) then
            for reason in saved.Skipped do
                warn.Invoke $"Checkpoint {reason}. The run goes on from '{saved.Info.Name}' ({saved.Position})."

    // From an override or a change on, the recipe in the folder is the one that is run.
    static let keepRecipe (recipe: Recipe) (folder: RunFolder) (saved: LoadedCheckpoint) =
        if
            not (isNull saved)
            && (saved.Overridden.Count > 0 || saved.Identity.Recipe <> recipe.Identity())
        then
            folder.WriteFile("recipe.json", Encoding.UTF8.GetBytes(recipe.ToResolvedJson()))

    // The control group is trained as long as the result is, and its phase comes first.
    static let tellUnequal (recipe: Recipe) (resumption: Resumption) (warn: string -> unit) =
        match recipe.Prepare |> Seq.tryFind (fun phase -> phase.Name = Recipe.BaselineRole) with
        | Some phase when
            recipe.Baseline
            && phase.Training.Epochs <> recipe.Training.Epochs
            && not (List.isEmpty (resumption.UpTo(recipe.Identity())))
            ->
            warn
                $"The baseline is trained for {phase.Training.Epochs} epochs, the result for {recipe.Training.Epochs} since the recipe was changed: the two are no longer compared alike."
        | _ -> ()

    // The steps of a rehearsal change what they are taken in: the run itself is composed anew.
    static let composed
        (recipe: Recipe)
        catalog
        data
        (options: SessionOptions)
        watcher
        rehearse
        (check: LayerCheck)
        (folder: RunFolder)
        (tell: string -> unit)
        cancellation
        =
        let compose () = Composer(recipe, catalog, data, options.Clock, watcher).Compose()

        let first = compose ()
        let drop () = (first :> IDisposable).Dispose()

        let look =
            not (isNull check || check.HasLooked)
            && first.Run.Device.``type`` = DeviceType.CPU

        let conclude () = check.Conclude(recipe, folder.Path, tell)

        let tried =
            try
                ValueRanges.check first
                ReplayCheck.require first |> ignore
                let known = look && check.Recall(recipe, folder.Path)

                if known then
                    conclude ()

                let trace = look && not known

                if trace || (rehearse && Rehearsal.isNeeded first) then
                    Rehearsal.run first (if trace then check else null) tell cancellation

                    if trace && not cancellation.IsCancellationRequested then
                        conclude ()

                    true
                else
                    false
            with _ ->
                drop ()
                reraise ()

        if tried then
            drop ()
            compose ()
        else
            first

    static let carryOut
        (recipe: Recipe)
        (folder: RunFolder)
        (catalog: IPluginCatalog)
        data
        (options: SessionOptions)
        (resume: ResumeOptions)
        (resumption: Resumption)
        (root: RunFolder)
        rehearse
        (check: LayerCheck)
        cancellation
        =
        let warn =
            Action<string>(fun message ->
                if not (isNull options.Observer) then
                    options.Observer.Warned message)

        // Before there is a log, the observer alone is told.
        let told = ref warn

        use watcher =
            new StepWatcher(
                options.Clock,
                options.Patience,
                options.MostGrowth,
                Action<string>(fun m -> told.Value.Invoke m)
            )

        let doubts = List<string>()

        use composition =
            composed recipe catalog data options watcher rehearse check folder doubts.Add cancellation

        use _ = if isNull check then null else check.Route composition
        let finite = FiniteState composition
        let now = composition.Identity.Recipe
        let allows before = resumption.Allows(before, now)

        use saved =
            Checkpoint.LoadNewest(folder, composition.Identity, resume, allows, finite.Complaint)

        let isSame before = before = now || (not resumption.TouchesTraining && allows before)
        FinishedRun.requireUnfinished composition folder isSame saved
        tellSkipped saved warn
        use journal = new Journal(folder, saved, warn)
        told.Value <- Action<string> journal.Warn
        resumption.Accept(root, Action<string> journal.Changed)
        keepRecipe recipe folder saved
        let doubted = HashSet<string>()

        let doubt (message: string) =
            if doubted.Add message then
                journal.Warn message

        // Its own layers say more.
        if isNull check then
            ProcessorCheck.warn composition journal.Warn

        NetworkRecord.warn composition journal.Warn
        BatchSizeCheck.warn composition doubt
        ReplayCheck.warn composition doubt
        TrainingCheck.warn composition doubt
        tellUnequal recipe resumption doubt
        Seq.iter doubt doubts
        composition.Run.Warn <- Action<string> doubt
        let changes = resumption.UpTo now
        Provenance.write composition changes folder.Path
        use session = new Session(composition, folder, journal, finite, watcher, options)
        session.Restore saved

        try
            match session.Run cancellation with
            | SessionEnd.Done ->
                let report =
                    Finish(composition, folder, session, finite, changes, options.Clock).Run()

                folder.WriteStatus(RunState.Done, Nullable 0, "")
                ExperimentEnd(SessionEnd.Done, report)
            | _ -> stopped folder options
        with error ->
            match offered root.Path session.Saved error with
            | same when obj.ReferenceEquals(same, error) -> reraise ()
            | other -> raise other

    static let checkOf (recipe: Recipe) (options: SessionOptions) =
        if isNull options.Layers then
            null
        else
            LayerCheck(options.Layers, recipe.WrongLayers)

    // root: the folder of all seeds; null where there is one seed. check: null where nobody is to look at layers.
    static let one
        (recipe: Recipe)
        (path: string)
        (catalog: IPluginCatalog)
        data
        (options: SessionOptions)
        resume
        resumption
        (root: RunFolder)
        rehearse
        check
        cancellation
        =
        let isNew = not (RunFolder.Exists path)

        use folder =
            if isNew then
                RunFolder.Create(path, recipe.ToResolvedJson(), options.Clock)
            else
                RunFolder.Open(path, options.Clock)

        if not (isNull options.Observer) then
            options.Observer.RunStarted(recipe.Seeds[0], folder.Path)

        try
            let root = if isNull root then folder else root
            carryOut recipe folder catalog data options resume resumption root (isNew && rehearse) check cancellation
        with error ->
            failed folder options error
            reraise ()

    // Later seeds take the results of the phases marked "once" from the first seed's run.
    static let forSeed (recipe: Recipe) (path: string) (seed: int64) : Recipe =
        let first = recipe.Seeds[0]
        let single = { recipe with Seeds = [| seed |] }

        if seed = first then
            single
        else
            let shared = recipe.Prepare |> Seq.filter _.Once |> Seq.toArray

            let weights (model: ModelSection) =
                if shared |> Array.exists (fun phase -> phase.Role = model.Role) then
                    { model with
                        Weights =
                            WeightsSection.Of(Path.Combine(seedFolder path first, $"{model.Role}-last.safetensors"))
                    }
                else
                    model

            { single with
                Models = recipe.Models |> Seq.map weights |> Seq.toArray
                Prepare = recipe.Prepare |> Seq.filter (_.Once >> not) |> Seq.toArray
            }

    static let several
        (recipe: Recipe)
        (path: string)
        catalog
        data
        (options: SessionOptions)
        resume
        (resumption: Resumption)
        (cancellation: CancellationToken)
        =
        use folder =
            if RunFolder.Exists path then
                RunFolder.Open(path, options.Clock)
            else
                RunFolder.Create(path, recipe.ToResolvedJson(), options.Clock)

        try
            let reports = List<JsonObject>()
            let mutable isStopped = false
            // What one seed has shown of layers holds for all.
            let check = checkOf recipe options

            for seed in recipe.Seeds do
                if not isStopped then
                    let sub = seedFolder path seed

                    match FinishedRun.report sub with
                    | null ->
                        // What one seed has shown holds for all.
                        let rehearse = options.Rehearse && seed = recipe.Seeds[0]

                        let single = forSeed recipe path seed

                        let ended =
                            one single sub catalog data options resume resumption folder rehearse check cancellation

                        match ended with
                        | ended when ended.State = SessionEnd.Done -> reports.Add ended.Report
                        | _ -> isStopped <- true
                    | report ->
                        if seed = recipe.Seeds[0] then
                            let allows a b = resumption.Allows(a, b)
                            FinishedRun.requireRecipe (forSeed recipe path seed) path sub allows report

                        reports.Add report

            if isStopped then
                stopped folder options
            else
                let report = SeedReport.combine recipe.Seeds reports
                RunJson.write (FinishedRun.pathOf path) report
                folder.WriteStatus(RunState.Done, Nullable 0, "")
                ExperimentEnd(SessionEnd.Done, report)
        with error ->
            failed folder options error
            reraise ()

    /// The report of the run in a folder if it is done; null where there is something left to do, such as seeds that were
    /// added. recipe: what the folder's recipe.json says.
    /// Raises KDP0616 where the run is done with another recipe.
    static member Finished(recipe: Recipe, path: string) : JsonObject =
        match FinishedRun.report path with
        | null -> null
        | report ->
            let hasAll = FinishedRun.hasAll recipe path report

            let sub =
                if recipe.Seeds.Count = 1 then
                    path
                else
                    seedFolder path recipe.Seeds[0]

            let known = RunChanges.read path
            let allows a b = RunChanges.leads a b known
            FinishedRun.requireRecipe (forSeed recipe path recipe.Seeds[0]) path sub allows report
            if hasAll then report else null

    /// Starts a run in a folder, or goes on with the run that is there; one that is done gives its report. With several
    /// seeds every seed has a folder "seed-<n>" below it, and the report has means and deviations.
    /// resume.ChangedFrom: the recipe is a change of this one, which is judged before anything is opened or written (KDP0617).
    /// Raises KDP02xx to KDP07xx for whatever does not fit or fails; what was saved before is intact then.
    static member Run
        (
            recipe: Recipe,
            path: string,
            catalog: IPluginCatalog,
            options: SessionOptions,
            resume: ResumeOptions,
            cancellation: CancellationToken
        ) : ExperimentEnd =
        match Experiment.Finished(recipe, path) with
        | report when not (isNull report) -> ExperimentEnd(SessionEnd.Done, report)
        | _ ->
            let isSingle = recipe.Seeds.Count = 1

            let folders =
                if isSingle then
                    [ path ]
                else
                    [ for seed in recipe.Seeds -> seedFolder path seed ]

            let identities (of': Recipe) =
                if of'.Seeds.Count = 1 then
                    [ of'.Identity() ]
                else
                    of'.Identity()
                    :: [ for seed in of'.Seeds -> (forSeed of' path seed).Identity() ]

            let resumption =
                Resumptions.judge recipe path resume identities folders options.Clock

            use data = new OpenedData(catalog, recipe.Folder)

            if isSingle then
                let check = checkOf recipe options
                one recipe path catalog data options resume resumption null options.Rehearse check cancellation
            else
                several recipe path catalog data options resume resumption cancellation
