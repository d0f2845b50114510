namespace KdPlugins.Core

open System
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open KdPlugins.Torch

/// What a run's folder says of a run that is done.
module internal FinishedRun =

    let private reportName = "report.json"
    let private recipeName = "recipe.json"

    let pathOf (folder: string) = Path.Combine(folder, reportName)

    let private text (node: JsonNode) (key: string) : string =
        match node with
        | :? JsonObject as o ->
            match o[key] with
            | :? JsonValue as value ->
                match value.TryGetValue<string>() with
                | true, text -> text
                | _ -> null
            | _ -> null
        | _ -> null

    /// SHA-256 of the resolved recipe that a report is of, with several seeds the first one's; null where it is damaged.
    let private recipeOf (report: JsonObject) = text report["hashes"] "recipe"

    let private tryRead (path: string) : JsonObject =
        try
            match JsonNode.Parse(File.ReadAllText path) with
            | :? JsonObject as report when not (isNull (recipeOf report)) -> report
            | _ -> null
        with
        | :? JsonException
        | :? ArgumentException // a key twice
        | :? IOException
        | :? UnauthorizedAccessException -> null

    let private isDone (folder: string) =
        try
            match RunFolder.ReadStatus folder with
            | null -> false
            | status -> status.State = RunState.Done
        with :? KdException ->
            false

    /// The report of a run that is done. Null where it is not, and where status or report is missing or damaged: such a
    /// run goes on from its newest checkpoint, which makes both anew.
    let report (folder: string) : JsonObject =
        if RunFolder.Exists folder && isDone folder then
            tryRead (pathOf folder)
        else
            null

    let private seedsOf (report: JsonObject) =
        match report["seeds"] with
        | :? JsonArray as all -> all |> Seq.map RunJson.whole |> Seq.toArray
        | _ -> [||]

    let private withoutSeeds (folder: string) =
        let recipe =
            JsonNode.Parse(File.ReadAllText(Path.Combine(folder, recipeName))).AsObject()

        recipe.Remove "seed" |> ignore
        recipe.Remove "seeds" |> ignore
        recipe

    let private haveSameRecipe (folder: string) (sub: string) =
        try
            JsonNode.DeepEquals(withoutSeeds folder, withoutSeeds sub)
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? IOException -> false

    let private fileHash (folder: string) = FileHash.text (File.ReadAllText(Path.Combine(folder, recipeName)))

    let private refuse (folder: string) =
        Fail.error
            RunErrors.FinishedChanged
            $"The run in '{folder}' is done, with another recipe than its {recipeName} is now. Nothing was trained or written."

    /// Raises KDP0616 where a report is of another recipe, and it did not become this one by a change that a run may go on with.
    /// single: the recipe of the first seed. sub: the folder of the first seed; the run's own where it has one seed.
    let requireRecipe
        (single: Recipe)
        (folder: string)
        (sub: string)
        (allows: string -> string -> bool)
        (report: JsonObject)
        =
        let ran = recipeOf report

        // Another release may write a recipe out in other keys: there the files tell that nobody has changed it.
        let isUnchanged =
            allows ran (single.Identity())
            || (text report "build" <> Build.version
                && fileHash sub = ran
                && (folder = sub || haveSameRecipe folder sub))

        if not isUnchanged then
            refuse folder

    /// Whether a report is of all of a recipe's seeds. Raises KDP0616 where it is of others: what was made for the first
    /// seed serves the later ones.
    let hasAll (recipe: Recipe) (folder: string) (report: JsonObject) =
        let ran = seedsOf report

        match recipe.Seeds.Count, ran.Length with
        | 1, 0 -> true
        | 1, _
        | _, 0 -> refuse folder
        | now, before when before > now || Seq.toArray (Seq.truncate before recipe.Seeds) <> ran -> refuse folder
        | now, before -> now = before

    /// Raises KDP0616 where a checkpoint is the end of a run of another recipe, whatever is overridden. allows: whether the recipe of
    /// an identity may be another one than the composition's there.
    let requireUnfinished
        (composition: Composition)
        (folder: RunFolder)
        (allows: string -> bool)
        (saved: LoadedCheckpoint)
        =
        if
            not (isNull saved)
            && saved.Counter "phase" >= int64 composition.Phases.Count
            && not (allows saved.Identity.Recipe)
            && (saved.Identity.Build = Build.version
                || saved.Identity.Recipe <> folder.RecipeSha256)
        then
            refuse folder.Path
