/// A draft, whose form is right, onto a recipe whose plugins exist and accept their options.
module internal KdPlugins.Core.RecipeBinding

open System
open System.Collections.Generic

/// What "baseline": true and a phase without a strategy stand for.
let private supervised = "supervised"
let private crossEntropy = "cross-entropy"

type private Scope =
    {
        Failures: FailureSink
        Plugins: PluginBinding
        Draft: RecipeDraft
    }

let private ordered (map: IReadOnlyDictionary<string, 'T>) =
    map |> Seq.sortWith (fun a b -> String.CompareOrdinal(a.Key, b.Key))

/// Whether a section could be read at all.
let private isRead (entry: KeyValuePair<string, 'T>) = not (isNull (box entry.Value))

let private at (name: string) (section: string) : JsonPath = [ Key name; Key section ]

/// The role whose architecture a role has, following "like"; null where that leads nowhere.
let private architecture (scope: Scope) (role: string) : ModelDraft =
    let path = Key "like" :: at role "models"

    let rec follow (current: string) (seen: string list) : ModelDraft =
        match scope.Draft.Models.TryGetValue current with
        | false, _ ->
            RecipeChecks.role scope.Failures (Seq.toArray scope.Draft.Models.Keys) path current
            Unchecked.defaultof<_>
        | true, draft when isNull (box draft) || isNull draft.Like -> draft
        | true, _ when List.contains current seen ->
            scope.Failures.Add(
                RecipeErrors.Contradiction,
                path,
                $"'{role}' is like itself in the end",
                "a role with an id",
                ""
            )

            Unchecked.defaultof<_>
        | true, draft -> follow draft.Like (current :: seen)

    follow role []

let private modelForm (scope: Scope) (role: string) (draft: ModelDraft) =
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

let private models (scope: Scope) : ModelSection[] =
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
                Weights = entry.Value.Weights
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
                    Weights = null
                }
            |]
        |> Array.sortWith (fun a b -> String.CompareOrdinal(a.Role, b.Role))
    | _ -> sections

let private augmentations (scope: Scope) (roles: string[]) (result: string) : AugmentationSection[] =
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

let private sources (scope: Scope) : SourceSection[] =
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

let private generators (scope: Scope) : GeneratorSection[] =
    [|
        for entry in ordered scope.Draft.Generators ->
            {
                Name = entry.Key
                Generator = scope.Plugins.Plugin(PluginKind.Generator, at entry.Key "generators", entry.Value)
            }
    |]

let private needs (scope: Scope) (roles: string[]) (path: JsonPath) (id: string) (facts: StrategyFacts) =
    for role in facts.Needs do
        if roles.Length > 0 && not (Array.contains role roles) then
            let known = String.Join(", ", roles)

            scope.Failures.Add(
                CoreErrors.RoleMissing,
                path,
                $"'{id}' needs the role '{role}'",
                $"it among the models ({known})",
                ""
            )

/// The supervised strategy for a role, as a recipe would write it.
let private supervisedDraft (role: string) : PluginDraft =
    let place = { Line = 0; Column = 0; Origin = null }
    let value = JsonTrees.scalar JsonKind.Text role place

    {
        PluginDraft.Id = supervised
        Options = JsonTrees.object [| JsonMember("role", place, value) |] place
    }

let private crossEntropyDraft: LossDraft =
    { LossDraft.Default with
        Id = crossEntropy
    }

let private phaseTraining (scope: Scope) (path: JsonPath) (tree: JsonTree) : TrainingSection =
    if isNull tree || tree.Kind = JsonKind.Null then
        scope.Draft.Training
    else
        match OptionReader(scope.Failures, false).Object(path, typeof<TrainingSection>, scope.Draft.Training, tree) with
        | ValueSome bound ->
            let section = bound :?> TrainingSection
            RecipeChecks.training scope.Failures path section
            section
        | ValueNone -> scope.Draft.Training

let private phase
    (scope: Scope)
    (roles: string[])
    (main: LossChoice[])
    (index: int)
    (draft: PhaseDraft)
    : PhaseSection =
    let path = [ Item index; Key "prepare" ]
    let hasStrategy = not (isNull (box draft.Strategy))

    if not hasStrategy && isNull draft.Role then
        scope.Failures.Add(RecipeErrors.Missing, path, "missing", "a role, or a strategy", "")

    RecipeChecks.role scope.Failures roles (Key "role" :: path) draft.Role

    let strategy, facts =
        if not hasStrategy && isNull draft.Role then
            Unchecked.defaultof<_>, { Result = null; Needs = [||] }
        else
            let chosen =
                if hasStrategy then
                    draft.Strategy
                else
                    supervisedDraft draft.Role

            match scope.Plugins.Strategy(Key "strategy" :: path, chosen) with
            | ValueSome(choice, facts) ->
                needs scope roles (Key "strategy" :: path) choice.Id facts
                choice, facts
            | ValueNone -> Unchecked.defaultof<_>, { Result = null; Needs = [||] }

    let role = if isNull draft.Role then facts.Result else draft.Role

    let losses =
        match draft.Losses with
        | null when hasStrategy -> main
        | null -> scope.Plugins.Losses(Key "losses" :: path, [ crossEntropyDraft ])
        | given -> scope.Plugins.Losses(Key "losses" :: path, given)

    {
        Name = (if isNull draft.Name then role else draft.Name)
        Role = role
        Once = draft.Once
        Strategy = strategy
        Training = phaseTraining scope (Key "training" :: path) draft.Training
        Losses = losses
    }

/// The phases as they are written, and the baseline's where it is wanted and not among them.
let private prepare (scope: Scope) (roles: string[]) (main: LossChoice[]) : PhaseSection[] =
    let written =
        scope.Draft.Prepare
        |> Seq.indexed
        |> Seq.filter (fun (_, draft) -> not (isNull (box draft)))
        |> Seq.map (fun (i, draft) -> phase scope roles main i draft)
        |> Seq.toArray

    let isBaseline (p: PhaseSection) = p.Name = Recipe.BaselineRole

    if
        not scope.Draft.Baseline
        || Array.exists isBaseline written
        || not (Array.contains Recipe.BaselineRole roles)
    then
        written
    else
        let draft =
            {
                Name = Recipe.BaselineRole
                Role = Recipe.BaselineRole
                Once = false
                Strategy = Unchecked.defaultof<_>
                Training = null
                Losses = null
            }

        Array.append written [| phase scope roles main written.Length draft |]

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
    | ValueSome(choice, facts) -> needs scope roles path choice.Id facts
    | ValueNone -> ()

    let losses = scope.Plugins.Losses([ Key "losses" ], draft.Losses)
    let phases = prepare scope roles losses
    RecipeChecks.phases failures phases

    {
        Name = draft.Name
        Seeds = known.Seeds
        Device = draft.Device
        Precision = draft.Precision
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
        Training = draft.Training
        Prepare = phases
        Baseline = draft.Baseline
        Evaluation = draft.Evaluation
        Checkpoints = draft.Checkpoints
        Folder = folder
    }
