namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text.Json.Nodes
open System.Threading
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

    static let reportPath (path: string) = Path.Combine(path, "report.json")

    static let seedFolder (path: string) (seed: int64) = Path.Combine(path, $"seed-{seed}")

    static let exitCode (options: SessionOptions) (cause: exn) =
        if isNull options.ExitCode then
            Nullable()
        else
            Nullable(options.ExitCode.Invoke cause)

    static let stopped (folder: RunFolder) (options: SessionOptions) =
        folder.WriteStatus(RunState.Stopped, exitCode options (OperationCanceledException()), "stopped on request")
        ExperimentEnd(SessionEnd.Stopped, null)

    static let failed (folder: RunFolder) (options: SessionOptions) (error: exn) =
        folder.TryWriteStatus(RunState.Failed, exitCode options error, error.Message)
        |> ignore

    static let one
        (recipe: Recipe)
        (path: string)
        (catalog: IPluginCatalog)
        (options: SessionOptions)
        resume
        cancellation
        =
        use folder =
            if RunFolder.Exists path then
                RunFolder.Open(path, options.Clock)
            else
                RunFolder.Create(path, recipe.ToResolvedJson(), options.Clock)

        if not (isNull options.Observer) then
            options.Observer.RunStarted(recipe.Seeds[0], folder.Path)

        try
            use composition = Composer(recipe, catalog, options.Clock).Compose()
            use saved = Checkpoint.LoadNewest(folder, composition.Identity, resume)

            let warn (message: string) =
                if not (isNull options.Observer) then
                    options.Observer.Warned message

            use journal = new Journal(folder, saved, warn)
            ProcessorCheck.warn composition journal.Warn
            Provenance.write composition folder.Path
            use session = new Session(composition, folder, journal, options)
            session.Restore saved

            match session.Run cancellation with
            | SessionEnd.Done ->
                let report = Finish(composition, folder, session, options.Clock).Run()
                folder.WriteStatus(RunState.Done, Nullable 0, "")
                ExperimentEnd(SessionEnd.Done, report)
            | _ -> stopped folder options
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
                        Weights = Path.Combine(seedFolder path first, $"{model.Role}-last.safetensors")
                    }
                else
                    model

            { single with
                Models = recipe.Models |> Seq.map weights |> Seq.toArray
                Prepare = recipe.Prepare |> Seq.filter (_.Once >> not) |> Seq.toArray
            }

    /// A confusion matrix of a thousand classes takes some megabytes, of every role and seed.
    static let mostReportBytes = 256 <<< 20

    static let finished (path: string) =
        if File.Exists(reportPath path) then
            JsonNode.Parse(PlainFile.ReadText(reportPath path, mostReportBytes)).AsObject()
        else
            null

    static let several
        (recipe: Recipe)
        (path: string)
        catalog
        (options: SessionOptions)
        resume
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

            for seed in recipe.Seeds do
                if not isStopped then
                    let sub = seedFolder path seed

                    match finished sub with
                    | null ->
                        match one (forSeed recipe path seed) sub catalog options resume cancellation with
                        | ended when ended.State = SessionEnd.Done -> reports.Add ended.Report
                        | _ -> isStopped <- true
                    | report -> reports.Add report

            if isStopped then
                stopped folder options
            else
                let report = SeedReport.combine recipe.Seeds reports
                RunJson.write (reportPath path) report
                folder.WriteStatus(RunState.Done, Nullable 0, "")
                ExperimentEnd(SessionEnd.Done, report)
        with error ->
            failed folder options error
            reraise ()

    /// Starts a run in a folder, or goes on with the run that is there. With several seeds every seed has a folder
    /// "seed-<n>" below it, and the report has means and deviations.
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
        if recipe.Seeds.Count = 1 then
            one recipe path catalog options resume cancellation
        else
            several recipe path catalog options resume cancellation
