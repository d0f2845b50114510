namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text
open KdPlugins.Torch

/// The changes that a run is gone on with: those of earlier sittings, and the one that this sitting brings, which is written down
/// once all else has been found to fit.
/// root: the run's folder, with several seeds that of all. identities: of the recipes before and after, the run's own and each
/// seed's. pending: what is to change now; nothing where nothing is.
[<Sealed>]
type internal Resumption
    (
        known: RunChange list,
        pending: ResumeRules.Accepted voption,
        identities: IReadOnlyList<struct (string * string)>,
        recipe: Recipe,
        step: int64,
        clock: TimeProvider
    ) =
    let mutable all = known
    let mutable isDue = pending.IsSome

    let change =
        match pending with
        | ValueSome accepted ->
            [
                {
                    Time = clock.GetUtcNow()
                    Step = step
                    Settings = accepted.Settings
                    Recipes = identities
                }
            ]
        | ValueNone -> []

    /// Whether what was made with a recipe goes on with another one: the change between them is allowed and recorded, or will be.
    member _.Allows(before: string, now: string) = RunChanges.leads before now (known @ change)

    /// Whether this sitting changes how a run is trained or evaluated.
    member _.TouchesTraining = pending.IsSome && pending.Value.TouchesTraining

    /// Those by which the recipe of an identity came about.
    member _.UpTo(identity: string) = RunChanges.upTo identity all

    /// Writes down what is pending, first the record and then the recipe: a process that dies between the two has changed nothing.
    /// Raises KDP0603 to KDP0605.
    member _.Accept(root: RunFolder, tell: Action<string>) =
        if isDue then
            isDue <- false
            all <- known @ change
            RunChanges.append root change.Head (RunChanges.upTo (FileHash.text root.Recipe) known)
            root.WriteFile("recipe.json", Encoding.UTF8.GetBytes(recipe.ToResolvedJson()))

            for setting in pending.Value.Settings do
                tell.Invoke $"the recipe was changed after step {step}: {setting}"

/// What a run is gone on with, from its folder and what is asked for.
module internal Resumptions =

    // The newest one of the seed that is being trained.
    let private newest (folders: seq<string>) : CheckpointInfo =
        folders
        |> Seq.filter RunFolder.Exists
        |> Seq.collect Checkpoint.List
        |> Seq.sortByDescending _.Position.Step
        |> Seq.tryHead
        |> Option.toObj

    /// Judges the change that is asked for. identities: of a recipe, the run's own and each seed's by its place. folders: of the
    /// seeds, with one seed the run's own. Writes nothing.
    /// Raises KDP0617 for what cannot change, KDP0618 where the record cannot be read.
    let judge
        (recipe: Recipe)
        (path: string)
        (resume: ResumeOptions)
        (identities: Recipe -> string list)
        (folders: seq<string>)
        (clock: TimeProvider)
        : Resumption =
        let known = RunChanges.read path
        let none = Resumption(known, ValueNone, [||], recipe, 0L, clock)

        match resume.ChangedFrom with
        | same when isNull (box same) -> none
        | before ->
            let last = newest folders
            let accepted = ResumeRules.judge before recipe last

            if accepted.Settings.Count = 0 then
                none
            else
                // Seeds that were added have none before.
                let pairs =
                    [|
                        for before, after in Seq.zip (identities before) (identities recipe) do
                            struct (before, after)
                    |]

                let step = if isNull last then 0L else last.Position.Step
                Resumption(known, ValueSome accepted, pairs, recipe, step, clock)
