/// A draft, whose form is right, onto a recipe whose plugins exist and accept their options.
module internal KdPlugins.Core.RecipeBinding

open System
open System.Collections.Generic
open KdPlugins.Torch
open KdPlugins.Torch.Weights

let private ordered (map: IReadOnlyDictionary<string, 'T>) =
    map |> Seq.sortWith (fun a b -> String.CompareOrdinal(a.Key, b.Key))

/// Whether a section could be read at all.
let private isRead (entry: KeyValuePair<string, 'T>) = not (isNull (box entry.Value))

let private at (name: string) (section: string) : JsonPath = [ Key name; Key section ]

/// The role whose architecture a role has, following "like"; null where that leads nowhere.
let private architecture (scope: BindingScope) (role: string) : ModelDraft =
    let path = Key "like" :: at role "models"

    let seen = HashSet<string>()

    let rec follow (current: string) : ModelDraft =
        match scope.Draft.Models.TryGetValue current with
        | false, _ ->
            RecipeChecks.role scope.Failures (Seq.toArray scope.Draft.Models.Keys) path current
            Unchecked.defaultof<_>
        | true, draft when isNull (box draft) || isNull draft.Like -> draft
        | true, _ when not (seen.Add current) ->
            scope.Failures.Add(
                RecipeErrors.Contradiction,
                path,
                $"'{role}' is like itself in the end",
                "a role with an id",
                ""
            )

            Unchecked.defaultof<_>
        | true, draft -> follow draft.Like

    follow role

let private modelForm (scope: BindingScope) (role: string) (draft: ModelDraft) =
    let path = at role "models"

    match isNull draft.Id, isNull draft.Like with
    | true, true -> scope.Failures.Add(RecipeErrors.Missing, path, "missing", "an id, or like and another role", "")
    | false, false ->
        scope.Failures.Add(RecipeErrors.Contradiction, path, "both id and like are given", "one of them", "")
    | true, false when not (isNull draft.Options) ->
        scope.Failures.Add(
            RecipeErrors.Contradiction,
            path,
            "options beside like",
            "the other role's options, or an id",
            ""
        )
    | _ -> ()

let private weights (scope: BindingScope) (role: string) (section: WeightsSection) : WeightsSection =
    if isNull (box section) then
        WeightsSection.None
    else
        // A map is equal to another one with the same rules. What could not be read is null, and said already.
        let rules =
            section.Rename
            |> Seq.filter (fun rule -> not (isNull rule.Value))
            |> Seq.map (|KeyValue|)
            |> Map.ofSeq

        try
            NameMap.Identity.RenameParts rules |> ignore
        with :? KdException as e ->
            scope.Failures.Add(
                RecipeErrors.OutOfBounds,
                [ Key "rename"; Key "weights"; Key role; Key "models" ],
                e.Detail.TrimEnd '.',
                "",
                ""
            )

        { section with Rename = rules }

// One pattern, or several.
let private freeze (scope: BindingScope) (role: string) (tree: JsonTree) : string[] =
    let path = Key "freeze" :: at role "models"
    let isText (node: JsonTree) = node.Kind = JsonKind.Text && node.Text <> ""

    match tree with
    | null -> [||]
    | none when none.Kind = JsonKind.Null -> [||]
    | one when isText one -> [| one.Text |]
    | several when several.Kind = JsonKind.Array && Array.forall isText several.Items ->
        several.Items |> Array.map _.Text |> Array.distinct
    | other ->
        scope.Failures.Add(
            RecipeErrors.WrongType,
            path,
            $"found {other.Describe()}",
            "the name of a module or parameter, or an array of them",
            ""
        )

        [||]

let private models (scope: BindingScope) : ModelSection[] =
    let own = Dictionary<string, PluginChoice>()

    for entry in scope.Draft.Models |> Seq.filter isRead do
        modelForm scope entry.Key entry.Value

        if not (isNull entry.Value.Id) then
            own[entry.Key] <-
                scope.Plugins.Plugin(PluginKind.Model, at entry.Key "models", entry.Value.Id, entry.Value.Options)

    let choice (role: string) (draft: ModelDraft) =
        if not (isNull draft.Like) then
            let source = architecture scope role

            scope.Draft.Models
            |> Seq.tryFind (fun e -> Object.ReferenceEquals(e.Value, source))
            |> Option.bind (fun e -> own |> Seq.tryFind (fun o -> o.Key = e.Key))
            |> Option.map _.Value
            |> Option.defaultValue Unchecked.defaultof<_>
        else
            match own.TryGetValue role with
            | true, chosen -> chosen
            | _ -> Unchecked.defaultof<_>

    [|
        for entry in ordered scope.Draft.Models |> Seq.filter isRead ->
            {
                Role = entry.Key
                Model = choice entry.Key entry.Value
                Weights = weights scope entry.Key entry.Value.Weights
                Freeze = freeze scope entry.Key entry.Value.Freeze
            }
    |]

/// The baseline's role has the result role's architecture and its augmentations, unless the recipe gives it its own.
let private withBaseline (isWanted: bool) (result: string) (sections: ModelSection[]) =
    match sections |> Array.tryFind (fun m -> m.Role = result) with
    | Some student when isWanted && sections |> Array.forall (fun m -> m.Role <> Recipe.BaselineRole) ->
        Array.append
            sections
            [|
                {
                    Role = Recipe.BaselineRole
                    Model = student.Model
                    Weights = WeightsSection.None
                    Freeze = [||]
                }
            |]
        |> Array.sortWith (fun a b -> String.CompareOrdinal(a.Role, b.Role))
    | _ -> sections

let private augmentations (scope: BindingScope) (roles: string[]) (result: string) : AugmentationSection[] =
    let given = scope.Draft.Augmentations

    for role in given.Keys do
        if role <> Recipe.Shared then
            RecipeChecks.role scope.Failures roles (at role "augmentations") role

    let bound = Dictionary<string, PluginChoice[]>()

    for entry in given |> Seq.filter isRead do
        bound[entry.Key] <-
            entry.Value
            |> Seq.mapi (fun i draft ->
                scope.Plugins.Plugin(PluginKind.Augmentation, Item i :: at entry.Key "augmentations", draft))
            |> Seq.toArray

    let chain (role: string) =
        match bound.TryGetValue role with
        | true, chosen -> chosen
        | _ when
            role = Recipe.BaselineRole
            && scope.Draft.Baseline
            && not (isNull result)
            && bound.ContainsKey result
            ->
            bound[result]
        | _ -> [||]

    Array.append [| Recipe.Shared |] roles
    |> Array.sortWith (fun a b -> String.CompareOrdinal(a, b))
    |> Array.map (fun role -> { Role = role; Chain = chain role })

let private sources (scope: BindingScope) : SourceSection[] =
    [|
        for entry in ordered scope.Draft.Sources |> Seq.filter isRead ->
            {
                Name = entry.Key
                Dataset =
                    scope.Plugins.Plugin(
                        PluginKind.Dataset,
                        at entry.Key "sources",
                        entry.Value.Id,
                        entry.Value.Options
                    )
                Split = entry.Value.Split
            }
    |]

let private generators (scope: BindingScope) : GeneratorSection[] =
    [|
        for entry in ordered scope.Draft.Generators ->
            {
                Name = entry.Key
                Generator = scope.Plugins.Plugin(PluginKind.Generator, at entry.Key "generators", entry.Value)
            }
    |]

let private teacherCache (scope: BindingScope) (roles: string[]) : TeacherCacheSection =
    match scope.Draft.TeacherCache with
    | none when isNull (box none) -> TeacherCacheSection.None
    | section ->
        section.Roles
        |> Seq.iteri (fun i role ->
            RecipeChecks.role scope.Failures roles [ Item i; Key "roles"; Key "teacherCache" ] role)

        section

/// The recipe; parts that failed are null in it, and among the failures.
let bind (catalog: IPluginCatalog) (failures: FailureSink) (draft: RecipeDraft) (folder: string) : Recipe =
    let draft =
        if isNull draft.Models then
            { draft with
                Models = Dictionary<string, ModelDraft>()
            }
        else
            draft

    let scope =
        {
            Failures = failures
            Plugins = PluginBinding(catalog, failures)
            Draft = draft
        }

    let known = RecipeChecks.draft failures draft
    let path = [ Key "strategy" ]
    let strategy = scope.Plugins.Strategy(path, draft.Strategy)

    let result =
        match strategy with
        | ValueSome(_, facts) -> facts.Result
        | ValueNone -> null

    let models = models scope |> withBaseline draft.Baseline result
    let roles = models |> Array.map _.Role

    match strategy with
    | ValueSome(choice, facts) -> PhaseBinding.needs scope roles path choice.Id facts
    | ValueNone -> ()

    let losses = scope.Plugins.Losses([ Key "losses" ], draft.Losses)
    let phases = PhaseBinding.prepare scope roles losses
    RecipeChecks.phases failures phases

    {
        Name = draft.Name
        Seeds = known.Seeds
        Device = draft.Device
        Precision = draft.Precision
        WrongLayers = draft.WrongLayers
        Dataset = scope.Plugins.Plugin(PluginKind.Dataset, [ Key "dataset" ], draft.Dataset)
        Validation = known.Validation
        Sources = sources scope
        Models = models
        Augmentations = augmentations scope roles result
        Generators = generators scope
        Losses = losses
        Strategy =
            (match strategy with
             | ValueSome(choice, _) -> choice
             | ValueNone -> Unchecked.defaultof<_>)
        TeacherCache = teacherCache scope roles
        Training = draft.Training
        Prepare = phases
        Baseline = draft.Baseline
        Evaluation = EvaluationBinding.bind scope
        Checkpoints = draft.Checkpoints
        Folder = folder
        // By name as all else: the resolved text, which names its sections in another order, gives the same.
        Paths =
            failures.Paths
            |> Seq.distinct
            |> Seq.sortWith (fun a b -> String.CompareOrdinal(a.Key, b.Key))
            |> Seq.toArray
    }
