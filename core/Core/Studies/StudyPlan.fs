namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Text

/// One run of a study.
[<Sealed>]
type PlannedRun
    internal
    (
        arm: string,
        preparation: string,
        level: Nullable<double>,
        seed: int64,
        label: string,
        folder: string,
        recipe: Recipe,
        needs: string[]
    ) =

    /// The arm; null for a preparation.
    member _.Arm = arm

    /// The preparation; null for an arm.
    member _.Preparation = preparation

    /// The level of the sweep; null without one.
    member _.Level = level

    /// The run's only seed.
    member _.Seed = seed

    /// Arm or preparation, level and seed, in words.
    member _.Label = label

    /// The run's folder, an absolute path.
    member _.Folder = folder

    /// The recipe, with one seed.
    member _.Recipe = recipe

    /// The folders of the preparations' runs that this one reads.
    member _.Needs: IReadOnlyList<string> = needs

    /// The recipe for a trial before the preparations are made: with new weights where theirs are not there yet. Null where it reads
    /// something else of theirs, such as data.
    member _.ForTrial() : Recipe =
        let isOurs (path: string) =
            needs
            |> Array.exists (fun folder ->
                path.StartsWith(folder + string Path.DirectorySeparatorChar, StringComparison.Ordinal))

        let isLacking (path: string) = isOurs path && not (Path.Exists path)

        let models =
            [|
                for model in recipe.Models ->
                    if model.HasWeights && isLacking (recipe.PathOf model.Weights.Path) then
                        { model with
                            Weights = WeightsSection.None
                        }
                    else
                        model
            |]

        let ofWeights (named: NamedPath) =
            recipe.Models
            |> Seq.exists (fun m -> m.HasWeights && m.Weights.Path = named.Text)

        if
            recipe.Paths
            |> Seq.exists (fun p -> not (ofWeights p) && isLacking (recipe.PathOf p.Text))
        then
            Unchecked.defaultof<_>
        else
            { recipe with Models = models }

/// What a plan is made from.
[<Sealed>]
type StudySettings() =

    /// The values of parameters, as a command line gives them.
    member val With: IReadOnlyDictionary<string, string> = Dictionary<string, string>() with get, set

    /// What relative paths among them start at.
    member val WithFolder = Environment.CurrentDirectory with get, set

    /// Overrides of every recipe, after all that the file says; each PATH=VALUE.
    member val Set: IReadOnlyList<string> = Array.Empty<string>() with get, set

/// Makes plans of studies.
[<AbstractClass; Sealed>]
type StudyPlan private () =

    static let prepareFolder = "prepare"

    static let isWithin (folder: string) (text: string) =
        text = folder
        || text.StartsWith(folder + string Path.DirectorySeparatorChar, StringComparison.Ordinal)

    static let applySet
        (failures: FailureSink)
        (origin: string)
        (values: IReadOnlyDictionary<string, JsonTree>)
        (set: KeyValuePair<string, JsonTree> seq)
        (root: JsonTree)
        =
        (root, set)
        ||> Seq.fold (fun tree entry ->
            let value = entry.Value |> StudyText.substitute values |> StudyText.relocate origin
            RecipeOverriding.assign failures tree origin entry.Key value)

    static let scalar (kind: JsonKind) (text: string) =
        JsonTrees.scalar
            kind
            text
            {
                Line = 0
                Column = 0
                Origin = "the study"
            }

    // The first of its seeds; 1 where it says none.
    static let ownSeed (tree: JsonTree) : string =
        match tree.Find "seed", tree.Find "seeds" with
        | null, null -> "1"
        | null, several when several.Kind = JsonKind.Array && several.Items.Length > 0 -> several.Items[0].Text
        | null, _ -> "1"
        | one, _ -> one.Text

    static let recipeName (study: Study) (name: string) =
        let text = $"{study.Name}-{(StudyText.folder name).Replace('.', '-')}"
        text.Substring(0, min 100 text.Length).TrimEnd('-')

    /// The name of an arm's folder in that of the study.
    static member FolderOf(arm: string) : string = StudyText.folder arm

    /// The values of parameters that were given, as a command line gives them, with absolute paths.
    static member Given(study: Study, settings: StudySettings) : IReadOnlyDictionary<string, string> =
        let values = StudyParameters.values study settings.With settings.WithFolder
        let given = Dictionary<string, string>()

        for name in settings.With.Keys do
            given[name] <- values[name].Text

        given

    /// Every run of a study, preparations first, then seed by seed arm for arm. All recipes are read and checked.
    /// root: the study's folder, an absolute path. find: leads from a recipe's file or name, and from the folder that a relative
    /// path starts at, to its place.
    /// Raises KDP0220, KDP0222 and KDP0223 for values of parameters; RecipeException for whatever is wrong in a recipe, with the arm
    /// and the path.
    static member Make
        (
            study: Study,
            settings: StudySettings,
            root: string,
            catalog: IPluginCatalog,
            find: Func<string, string, RecipeLocation>
        ) : IReadOnlyList<PlannedRun> =
        let draft = study.Draft
        let values = StudyParameters.values study settings.With settings.WithFolder
        let files = Dictionary<string, struct (JsonTree * string)>()
        let failures = List<RecipeFailure>()

        let file (text: string) =
            match files.TryGetValue text with
            | true, found -> found
            | _ ->
                let location = find.Invoke(text, study.Folder)
                let found = struct (RecipeReader.TreeOf location.Path, location.Folder)
                files[text] <- found
                found

        // The tree, the folder of its paths, and what messages call it.
        let baseOf (values: IReadOnlyDictionary<string, JsonTree>) (own: JsonTree) (label: string) =
            match own with
            | text when text.Kind = JsonKind.Text ->
                let name = (StudyText.substitute values text).Text
                let struct (tree, folder) = file name
                tree, folder, $"{label} on '{name}'"
            | tree -> StudyText.substitute values tree, study.Folder, label

        let preparationFolder (name: string) (seed: int64) =
            let below = Path.Combine(root, prepareFolder, name)

            if draft.Prepare[name].Each = "seed" then
                Path.Combine(below, $"seed-{seed}")
            else
                below

        let valuesFor (seed: int64) (upTo: string seq) =
            let all = Dictionary<string, JsonTree>(values)

            for name in upTo do
                all[name] <- scalar JsonKind.Text (preparationFolder name seed)

            all

        let complain (label: string) (found: RecipeFailure seq) =
            for failure in found do
                let path =
                    if failure.Path = "" then
                        label
                    else
                        $"{label}, {failure.Path}"

                // What is wrong in a recipe that arms share is said once.
                let isShared (other: RecipeFailure) =
                    other.Code = failure.Code
                    && other.Origin = failure.Origin
                    && other.Found = failure.Found
                    && (other.Line, other.Column) = (failure.Line, failure.Column)
                    && (failure.Line > 0 || other.Path = path)

                if not (failures.Exists isShared) then
                    failures.Add { failure with Path = path }

        let read
            (arm: string)
            (preparation: string)
            (level: Nullable<double>)
            (seed: int64 voption)
            (label: string)
            (folder: string)
            (known: string seq)
            (own: JsonTree)
            (sets: (string * KeyValuePair<string, JsonTree> seq) list)
            =
            let name = if isNull arm then preparation else arm
            let all = valuesFor (ValueOption.defaultValue 0L seed) known
            let tree, place, called = baseOf all own label
            let syntax = FailureSink null

            let changed =
                (tree, sets)
                ||> List.fold (fun tree (origin, set) -> applySet syntax origin all set tree)

            let seedText =
                match seed with
                | ValueSome s -> string s
                | ValueNone -> ownSeed changed

            let assign path kind text tree = RecipeOverriding.assign syntax tree "the study" path (scalar kind text)

            let complete =
                changed
                |> assign "seed" JsonKind.Number seedText
                |> assign "name" JsonKind.Text (recipeName study name)
                |> RecipeOverriding.applyAll (RecipeOverrides(settings.Set, Dictionary<string, string>())) syntax

            try
                let recipe = RecipeReader.ReadTree(complete, syntax, study.Path, place, catalog)

                let needs =
                    [|
                        for name in known do
                            let made = all[name].Text

                            if StudyText.texts complete |> Seq.exists (fun t -> isWithin made t.Text) then
                                made
                    |]

                Some(PlannedRun(arm, preparation, level, recipe.Seeds[0], label, folder, recipe, needs))
            with :? RecipeException as e ->
                complain called e.Failures
                None

        let preparations =
            let names = Seq.toArray draft.Prepare.Keys

            [
                for i, name in Seq.indexed names do
                    let own = draft.Prepare[name]

                    let sets =
                        [ $"preparation '{name}'", own.Set :> KeyValuePair<string, JsonTree> seq ]

                    let recipe = if isNull own.Recipe then draft.Recipe else own.Recipe
                    let known = Array.truncate i names

                    if own.Each = "seed" then
                        for seed in draft.Seeds do
                            let label = $"preparation '{name}', seed {seed}"
                            let folder = preparationFolder name seed
                            read null name (Nullable()) (ValueSome seed) label folder known recipe sets
                    else
                        let folder = preparationFolder name 0L

                        // What is made once per seed is nothing that this one may refer to.
                        let once = known |> Array.filter (fun n -> draft.Prepare[n].Each <> "seed")
                        read null name (Nullable()) ValueNone $"preparation '{name}'" folder once recipe sets
            ]

        let levels: StudyLevelDraft option list =
            if isNull (box draft.Sweep) then
                [ None ]
            else
                draft.Sweep.Levels |> Seq.map Some |> Seq.toList

        let arm (name: string) (level: StudyLevelDraft option) (seed: int64) =
            let line = StudyChecks.lineage draft name |> Option.defaultValue [ name ]
            let first = draft.Arms[line.Head]

            let atLevel =
                match level with
                | None -> []
                | Some level ->
                    let number = scalar JsonKind.Number (StudyText.number level.At)
                    let all = draft.Sweep.Path |> Seq.map (fun path -> KeyValuePair(path, number))
                    [ "the sweep", all; "the sweep", level.Set :> seq<_> ]

            let sets =
                ("the study", draft.Set :> KeyValuePair<string, JsonTree> seq)
                :: [ for name in line -> $"arm '{name}'", draft.Arms[name].Set :> seq<_> ]
                @ atLevel

            let place, at =
                match level with
                | None -> StudyText.folder name, ""
                | Some level ->
                    let text = StudyText.number level.At
                    Path.Combine(StudyText.folder name, $"{draft.Sweep.Name}-{text}"), $" at {draft.Sweep.Name} {text}"

            let number =
                match level with
                | None -> Nullable()
                | Some level -> Nullable level.At

            let folder = Path.Combine(root, place, $"seed-{seed}")
            let recipe = if isNull first.Recipe then draft.Recipe else first.Recipe
            let label = $"arm '{name}'{at}, seed {seed}"
            read name null number (ValueSome seed) label folder draft.Prepare.Keys recipe sets

        let arms =
            [
                for seed in draft.Seeds do
                    for level in levels do
                        for own in study.Arms do
                            if own.RunsOf = own.Name then
                                arm own.Name level seed
            ]

        if failures.Count > 0 then
            raise (RecipeException(study.Path, failures.ToArray(), failures.Count))

        [| yield! List.choose id preparations; yield! List.choose id arms |]
