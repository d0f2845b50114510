/// The phases of a draft, with what each takes over from the main sections.
module internal KdPlugins.Core.PhaseBinding

open System

/// What "baseline": true and a phase without a strategy stand for.
let private supervised = "supervised"
let private crossEntropy = "cross-entropy"

/// Whether a strategy finds the roles that it needs, each one another's.
let needs (scope: BindingScope) (roles: string[]) (path: JsonPath) (id: string) (facts: StrategyFacts) =
    for role, times in Array.countBy (fun role -> role) facts.Needs do
        if times > 1 then
            scope.Failures.Add(
                CoreErrors.RoleTwice,
                path,
                $"'{id}' has '{role}' for {times} of its roles: nobody learns from itself",
                "a role of its own for each",
                ""
            )

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

let private phaseTraining (scope: BindingScope) (path: JsonPath) (tree: JsonTree) : TrainingSection =
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
    (scope: BindingScope)
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
let prepare (scope: BindingScope) (roles: string[]) (main: LossChoice[]) : PhaseSection[] =
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
