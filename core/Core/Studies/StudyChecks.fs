/// Rules that span several values of a study.
module internal KdPlugins.Core.StudyChecks

open System
open System.Collections.Generic

/// What else lies in a study's folder.
let private reserved = [ "prepare"; "recipes"; "replaced"; "logs"; "checkpoints" ]

let private longestName = 80

let private unknown (failures: FailureSink) (path: JsonPath) (what: string) (name: string) (known: string seq) =
    let all = String.Join(", ", known)

    failures.Add(
        StudyErrors.NameUnknown,
        path,
        $"no {what} '{name}'",
        (if all = "" then "none is there" else $"one of {all}"),
        Nearest.Ask(name, known)
    )

let private seeds (failures: FailureSink) (draft: StudyDraft) =
    let seen = HashSet<int64>()

    draft.Seeds
    |> Seq.iteri (fun i seed ->
        let path = [ Item i; Key "seeds" ]

        if seed < 0L then
            failures.Add(RecipeErrors.OutOfBounds, path, $"found {seed}", "a whole number from 0", "")

        if not (seen.Add seed) then
            failures.Add(RecipeErrors.NotUnique, path, $"the seed {seed} again", "each seed once", ""))

let private kebab (failures: FailureSink) (section: string) (names: string seq) =
    for name in names do
        if not (RecipeChecks.isName name) then
            failures.Add(
                RecipeErrors.OutOfBounds,
                [ Key name; Key section ],
                $"'{name}' cannot name it",
                "a name in kebab-case",
                ""
            )

let private folders (failures: FailureSink) (draft: StudyDraft) =
    let seen = Dictionary<string, string>()

    for name in draft.Arms.Keys do
        let path = [ Key name; Key "arms" ]
        let folder = StudyText.folder name

        if folder = "" || name.Length > longestName || name.Contains ',' then
            failures.Add(
                RecipeErrors.OutOfBounds,
                path,
                $"'{name}' cannot name an arm",
                $"at most {longestName} characters, some letters or digits among them, and no comma",
                ""
            )
        elif List.contains folder reserved then
            failures.Add(StudyErrors.FolderTwice, path, $"its folder would be '{folder}'", "another name", "")
        elif not (seen.TryAdd(folder, name)) then
            failures.Add(
                StudyErrors.FolderTwice,
                path,
                $"its folder is '{folder}', as that of '{seen[folder]}' is",
                "another name",
                ""
            )

let private recipe (failures: FailureSink) (path: JsonPath) (tree: JsonTree) =
    match tree with
    | null -> ()
    | node when node.Kind = JsonKind.Object || (node.Kind = JsonKind.Text && node.Text <> "") -> ()
    | node ->
        failures.Add(
            RecipeErrors.WrongType,
            Key "recipe" :: path,
            $"found {node.Describe()}",
            "a recipe's file or name, or a recipe",
            ""
        )

let private contradiction (failures: FailureSink) (path: JsonPath) (found: string) (expected: string) =
    failures.Add(RecipeErrors.Contradiction, path, found, expected, "")

let private armForm (failures: FailureSink) (draft: StudyDraft) (name: string) (arm: StudyArmDraft) =
    let path = [ Key name; Key "arms" ]
    let known = draft.Arms.Keys
    recipe failures path arm.Recipe

    if not (isNull arm.From) && not (draft.Arms.ContainsKey arm.From) then
        unknown failures (Key "from" :: path) "arm" arm.From known

    if not (isNull arm.Of) then
        match draft.Arms.TryGetValue arm.Of with
        | false, _ -> unknown failures (Key "of" :: path) "arm" arm.Of known
        | true, other when not (isNull (box other)) && not (isNull other.Of) ->
            contradiction failures (Key "of" :: path) $"'{arm.Of}' has no runs of its own" "an arm that has"
        | _ -> ()

        if not (isNull arm.From) || not (isNull arm.Recipe) || arm.Set.Count > 0 then
            contradiction failures path "a recipe or changes beside \"of\"" "one of them: the runs are the other arm's"

        if isNull arm.Role then
            failures.Add(RecipeErrors.Missing, Key "role" :: path, "missing", "a role beside \"of\"", "")
    elif not (isNull arm.From) && not (isNull arm.Recipe) then
        contradiction failures path "both recipe and from are given" "one of them"
    elif isNull arm.From && isNull arm.Recipe && isNull draft.Recipe then
        failures.Add(RecipeErrors.Missing, path, "no recipe", "one of its own, or the study's", "")

    for key in [ "seed"; "seeds" ] do
        if arm.Set.ContainsKey key then
            contradiction failures (Key key :: Key "set" :: path) "the seeds are the study's" "no seed here"

/// The arms whose changes come before an arm's own, the first one first; nothing where that goes in a circle.
let lineage (draft: StudyDraft) (name: string) : string list option =
    let rec follow (seen: string list) (current: string) =
        if List.contains current seen then
            None
        else
            match draft.Arms.TryGetValue current with
            | true, arm when
                not (isNull (box arm))
                && not (isNull arm.From)
                && draft.Arms.ContainsKey arm.From
                ->
                follow (current :: seen) arm.From
            | _ -> Some(current :: seen)

    follow [] name

let private circles (failures: FailureSink) (draft: StudyDraft) =
    let isIn name = (lineage draft name).IsNone

    match draft.Arms.Keys |> Seq.tryFind isIn with
    | Some name ->
        failures.Add(
            StudyErrors.Circle,
            [ Key "from"; Key name; Key "arms" ],
            $"'{name}' is made from itself in the end",
            "an arm with a recipe",
            ""
        )
    | None -> ()

let private sweep (failures: FailureSink) (draft: StudyDraft) =
    match draft.Sweep with
    | none when isNull (box none) -> ()
    | sweep ->
        let seen = HashSet<double>()

        sweep.Levels
        |> Seq.iteri (fun i level ->
            let path = [ Item i; Key "levels"; Key "sweep" ]

            if not (isNull (box level)) then
                if not (seen.Add level.At) then
                    failures.Add(
                        RecipeErrors.NotUnique,
                        path,
                        $"the level {StudyText.number level.At} again",
                        "each level once",
                        ""
                    )

                if sweep.Path.Count = 0 && level.Set.Count = 0 then
                    failures.Add(RecipeErrors.Missing, path, "it changes nothing", "path for all, or set here", ""))

let private measures (failures: FailureSink) (draft: StudyDraft) =
    let seen = HashSet<string>()

    draft.Measures
    |> Seq.iteri (fun i m ->
        if not (isNull (box m)) && not (isNull m.Name) && not (seen.Add m.Name) then
            failures.Add(
                RecipeErrors.NotUnique,
                [ Key "name"; Item i; Key "measures" ],
                $"the measure '{m.Name}' again",
                "each name once",
                ""
            ))

let private claims (failures: FailureSink) (draft: StudyDraft) =
    let known = draft.Measures |> Seq.filter (box >> isNull >> not) |> Seq.map _.Name

    draft.Claims
    |> Seq.iteri (fun i claim ->
        let path = [ Item i; Key "claims" ]

        if not (isNull (box claim)) then
            for key, arm in [ "above", claim.Above; "below", claim.Below ] do
                if not (isNull arm) && not (draft.Arms.ContainsKey arm) then
                    unknown failures (Key key :: path) "arm" arm draft.Arms.Keys

            if not (isNull claim.Above) && claim.Above = claim.Below then
                contradiction failures path "an arm above itself" "two arms"

            if not (isNull claim.Measure) && not (Seq.contains claim.Measure known) then
                unknown failures (Key "measure" :: path) "measure" claim.Measure known)

let private sets (draft: StudyDraft) : (JsonPath * JsonTree) seq =
    let inSet (path: JsonPath) (set: IReadOnlyDictionary<string, JsonTree>) =
        set |> Seq.map (fun e -> Key e.Key :: Key "set" :: path, e.Value)

    let own (path: JsonPath) (tree: JsonTree) =
        match tree with
        | node when not (isNull node) && node.Kind = JsonKind.Object -> Seq.singleton (Key "recipe" :: path, node)
        | _ -> Seq.empty

    seq {
        yield! own [] draft.Recipe
        yield! inSet [] draft.Set

        for arm in draft.Arms do
            if not (isNull (box arm.Value)) then
                yield! own [ Key arm.Key; Key "arms" ] arm.Value.Recipe
                yield! inSet [ Key arm.Key; Key "arms" ] arm.Value.Set

        if not (isNull (box draft.Sweep)) then
            for i, level in Seq.indexed draft.Sweep.Levels do
                if not (isNull (box level)) then
                    yield! inSet [ Item i; Key "levels"; Key "sweep" ] level.Set
    }

let private preparations (failures: FailureSink) (draft: StudyDraft) =
    kebab failures "prepare" draft.Prepare.Keys
    kebab failures "parameters" draft.Parameters.Keys

    for name in draft.Prepare.Keys do
        if draft.Parameters.ContainsKey name then
            failures.Add(
                RecipeErrors.NotUnique,
                [ Key name; Key "prepare" ],
                $"'{name}' is a parameter too",
                "a name of its own",
                ""
            )

    let known = List<string>(draft.Parameters.Keys)

    let refers (path: JsonPath) (tree: JsonTree) (check: string -> unit) =
        for name in StudyText.texts tree |> Seq.collect (fun t -> StudyText.names t.Text) do
            if known.Contains name then
                check name
            else
                unknown failures path "parameter or earlier preparation" name known

    for entry in draft.Prepare do
        let path = [ Key entry.Key; Key "prepare" ]
        let own = entry.Value

        if not (isNull (box own)) then
            recipe failures path own.Recipe

            if isNull own.Recipe && isNull draft.Recipe then
                failures.Add(RecipeErrors.Missing, path, "no recipe", "one of its own, or the study's", "")

            let perSeed (name: string) =
                match draft.Prepare.TryGetValue name with
                | true, other when own.Each = "study" && other.Each = "seed" ->
                    contradiction failures path $"made once, from '{name}', which there is one of per seed" "each: seed"
                | _ -> ()

            if not (isNull own.Recipe) && own.Recipe.Kind = JsonKind.Object then
                refers (Key "recipe" :: path) own.Recipe perSeed

            for value in own.Set do
                refers (Key value.Key :: Key "set" :: path) value.Value perSeed

        known.Add entry.Key

    for path, tree in sets draft do
        refers path tree ignore

/// Everything that a draft whose form is right can have wrong.
let draft (failures: FailureSink) (draft: StudyDraft) =
    if not (isNull draft.Seeds) then
        seeds failures draft

    recipe failures [] draft.Recipe

    for key in [ "seed"; "seeds" ] do
        if draft.Set.ContainsKey key then
            contradiction failures [ Key key; Key "set" ] "the seeds are the study's" "no seed here"

    if not (isNull draft.Arms) then
        folders failures draft

        for entry in draft.Arms do
            if not (isNull (box entry.Value)) then
                armForm failures draft entry.Key entry.Value

        circles failures draft
        claims failures draft
        preparations failures draft

    sweep failures draft
    measures failures draft
