/// Rules that span several values of a draft.
module internal KdPlugins.Core.RecipeChecks

open System
open System.Collections.Generic
open System.Text.RegularExpressions

/// The name that the main phase's stages begin with.
let private mainPhase = "main"

let private kebab = Regex($"^({Names.Kebab})\\z")

let isName (name: string) = name.Length <= 100 && kebab.IsMatch name

let private name (failures: FailureSink) (path: JsonPath) (what: string) (text: string) =
    if not (isName text) then
        failures.Add(RecipeErrors.OutOfBounds, path, $"'{text}' cannot name a {what}", "a name in kebab-case", "")

/// A loss that is made larger is meant to be.
let weight (failures: FailureSink) (path: JsonPath) (loss: LossDraft) =
    let place = Key "weight" :: path

    if loss.Weight < 0.0 && not loss.Maximise then
        failures.Add(
            RecipeErrors.OutOfBounds,
            place,
            $"found {OptionChecks.number loss.Weight}, which makes '{loss.Id}' larger",
            "a number from 0, or \"maximise\": true beside it",
            ""
        )

    if loss.Maximise && not (loss.Weight < 0.0) then
        failures.Add(
            RecipeErrors.Contradiction,
            Key "maximise" :: path,
            $"\"maximise\" beside the weight {OptionChecks.number loss.Weight}",
            "a weight below 0, or no \"maximise\"",
            ""
        )

/// A role that a section names has to be one that is filled.
let role (failures: FailureSink) (roles: IReadOnlyCollection<string>) (path: JsonPath) (text: string) =
    // Without any role the models could not be read, which has been said already.
    if not (isNull text) && roles.Count > 0 && not (Seq.contains text roles) then
        let known = String.Join(", ", roles |> Seq.sort)

        failures.Add(
            RecipeErrors.RoleUnknown,
            path,
            $"no model for the role '{text}'",
            $"one of {known}",
            Nearest.Ask(text, roles)
        )

let private seeds (failures: FailureSink) (draft: RecipeDraft) : int64[] =
    let path = [ Key "seeds" ]

    if draft.Seed.HasValue && not (isNull draft.Seeds) then
        failures.Add(RecipeErrors.Contradiction, path, "both seed and seeds are given", "one of them", "")

    if draft.Seed.HasValue then
        [| draft.Seed.Value |]
    elif isNull draft.Seeds then
        [| 1L |]
    else
        let seen = HashSet<int64>()

        draft.Seeds
        |> Seq.iteri (fun i seed ->
            if seed < 0L then
                failures.Add(RecipeErrors.OutOfBounds, Item i :: path, $"found {seed}", "a whole number from 0", "")

            if not (seen.Add seed) then
                failures.Add(RecipeErrors.NotUnique, Item i :: path, $"the seed {seed} again", "each seed once", ""))

        Seq.toArray draft.Seeds

let private validation (failures: FailureSink) (draft: RecipeDraft) : ValidationSection =
    let path = [ Key "validation" ]

    match box draft.Validation, draft.Sources.ContainsKey SourceSection.Validation with
    | null, true -> ValidationSection.OfSource
    | null, false -> ValidationSection.Tenth
    | _, true ->
        failures.Add(
            RecipeErrors.Contradiction,
            path,
            "validation is described beside a source of that name",
            "one of them",
            ""
        )

        draft.Validation
    | _ ->
        let given =
            [
                draft.Validation.Fraction.HasValue
                draft.Validation.Count.HasValue
                not (isNull draft.Validation.Split)
            ]
            |> List.filter id

        if draft.Validation.Stratified && not (isNull draft.Validation.Split) then
            failures.Add(
                RecipeErrors.Contradiction,
                Key "stratified" :: path,
                "a split of its own is not drawn",
                "fraction or count, or no stratified",
                ""
            )

        match given.Length with
        | 0 ->
            { ValidationSection.Tenth with
                Stratified = draft.Validation.Stratified
            }
        | 1 -> draft.Validation
        | _ ->
            failures.Add(
                RecipeErrors.Contradiction,
                path,
                "several ways are given",
                "one of fraction, count and split",
                ""
            )

            draft.Validation

/// Settings of a training section that only make sense together.
let training (failures: FailureSink) (path: JsonPath) (section: TrainingSection) =
    let schedule = Key "schedule" :: path
    let optimiser = Key "optimiser" :: path

    section.Schedule.Milestones
    |> Seq.iteri (fun i share ->
        let place = Item i :: Key "milestones" :: schedule

        if not (share > 0.0 && share < 1.0) then
            failures.Add(
                RecipeErrors.OutOfBounds,
                place,
                $"found {OptionChecks.number share}",
                "a share above 0 and below 1",
                ""
            )
        elif i > 0 && section.Schedule.Milestones[i - 1] >= share then
            failures.Add(
                RecipeErrors.OutOfBounds,
                place,
                $"found {OptionChecks.number share}",
                "more than the share before it",
                ""
            ))

    let warmups =
        [
            section.Schedule.Warmup > 0.0
            section.Schedule.WarmupSteps > 0L
            section.Schedule.WarmupEpochs > 0.0
        ]

    if (warmups |> List.filter id).Length > 1 then
        failures.Add(
            RecipeErrors.Contradiction,
            schedule,
            "several lengths of the warm-up are given",
            "one of warmup, warmupSteps and warmupEpochs",
            ""
        )

    for rate in section.Optimiser.Rates do
        let place = Key rate.Key :: Key "rates" :: optimiser

        if not (rate.Value >= 0.0 && rate.Value <= 1000.0) then
            failures.Add(
                RecipeErrors.OutOfBounds,
                place,
                $"found {OptionChecks.number rate.Value}",
                "a factor from 0 to 1000",
                ""
            )

    if
        section.Optimiser.Nesterov
        && (section.Optimiser.Name <> "sgd" || section.Optimiser.Momentum = 0.0)
    then
        failures.Add(
            RecipeErrors.Contradiction,
            Key "nesterov" :: optimiser,
            "nesterov without momentum of sgd",
            "sgd with a momentum above 0",
            ""
        )

let private phaseNames (failures: FailureSink) (names: (JsonPath * string) seq) =
    let seen = HashSet<string>()

    for path, text in names do
        if text = mainPhase then
            failures.Add(RecipeErrors.NotUnique, path, $"the name '{text}'", "another: the main phase has this one", "")
        elif not (seen.Add text) then
            failures.Add(RecipeErrors.NotUnique, path, $"the name '{text}' again", "each phase its own name", "")

/// Plugins that a recipe may name. Each is made to check its options.
let private mostPlugins = 1000

/// Whether a recipe has no more sections than can be looked at one by one; said otherwise.
let isBounded (failures: FailureSink) (draft: RecipeDraft) : bool =
    let size (items: IReadOnlyCollection<'T>) = if isNull items then 0 else items.Count

    let ofPhase (phase: PhaseDraft) = if isNull (box phase) then 0 else 1 + size phase.Losses

    let count =
        size draft.Models
        + size draft.Sources
        + size draft.Generators
        + size draft.Losses
        + Seq.sumBy size draft.Augmentations.Values
        + Seq.sumBy ofPhase draft.Prepare

    if count > mostPlugins then
        failures.Add(RecipeErrors.TooLarge, [], $"{count} plugins", $"at most {mostPlugins}", "")

    count <= mostPlugins

/// What the reader takes over from the checks.
type Checked =
    {
        Seeds: int64[]
        Validation: ValidationSection
    }

/// Everything that can be checked without the catalog.
let draft (failures: FailureSink) (draft: RecipeDraft) : Checked =
    for text in draft.Models.Keys do
        let path = [ Key text; Key "models" ]

        if text = "shared" then
            failures.Add(RecipeErrors.Contradiction, path, "a role called 'shared'", "another name", "")

        name failures path "role" text

    for text in draft.Sources.Keys do
        let path = [ Key text; Key "sources" ]
        name failures path "source" text

        if text = SourceSection.Train then
            failures.Add(
                RecipeErrors.NotUnique,
                path,
                $"the name '{text}'",
                "another: the main data set has this one",
                ""
            )

    for text in draft.Generators.Keys do
        name failures [ Key text; Key "generators" ] "generator" text

    training failures [ Key "training" ] draft.Training

    let needsScores (what: string) (path: JsonPath) =
        if draft.Evaluation.EveryEpochs = 0L then
            failures.Add(
                RecipeErrors.Contradiction,
                path,
                $"{what} without evaluations, evaluation.everyEpochs is 0",
                "evaluations every epoch or every few",
                ""
            )

    if not draft.Training.EarlyStopping.IsNone then
        needsScores "early stopping" [ Key "earlyStopping"; Key "training" ]

    if draft.Training.Schedule.Name = "plateau" then
        needsScores "a plateau" [ Key "schedule"; Key "training" ]

    {
        Seeds = seeds failures draft
        Validation = validation failures draft
    }

/// Names of phases, once they are known.
let phases (failures: FailureSink) (all: PhaseSection[]) =
    all
    |> Seq.mapi (fun i phase -> ([ Key "name"; Item i; Key "prepare" ]: JsonPath), phase.Name)
    |> Seq.filter (fun (_, text) -> not (isNull text))
    |> phaseNames failures
