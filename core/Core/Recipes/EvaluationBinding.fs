/// What a draft says of evaluations: meters exist, agree with each other, and one of them gives what chooses the best state.
module internal KdPlugins.Core.EvaluationBinding

open System
open System.Collections.Generic

let private section: JsonPath = [ Key "evaluation" ]
let private list: JsonPath = Key "meters" :: section

/// Values are known by their names alone: in events, reports and tables.
let private checkNames (failures: FailureSink) (bound: (int * PluginChoice * string[])[]) =
    let owners = Dictionary<string, string>()

    for index, choice, names in bound do
        for name in names do
            match owners.TryGetValue name with
            | true, owner ->
                failures.Add(
                    CoreErrors.MeterClash,
                    Item index :: list,
                    $"'{choice.Id}' gives '{name}', which '{owner}' gives too",
                    "meters whose values have different names",
                    ""
                )
            | _ -> owners[name] <- choice.Id

let private checkBest (failures: FailureSink) (names: string[]) (best: string) =
    if not (isNull best) && not (Array.contains best names) then
        let known = String.Join(", ", names)

        failures.Add(
            CoreErrors.BestUnknown,
            Key "best" :: section,
            $"no meter of the recipe gives '{best}'",
            $"one of {known}",
            Nearest.Ask(best, names)
        )

/// The section; meters that failed are left out of it, and among the failures.
let bind (scope: BindingScope) : EvaluationSection =
    let draft = scope.Draft.Evaluation

    let bound =
        draft.Meters
        |> Seq.indexed
        |> Seq.map (fun (i, meter) -> i, scope.Plugins.Meter(Item i :: list, meter))
        |> Seq.choose (fun (i, found) ->
            match found with
            | ValueSome(choice, names) -> Some(i, choice, names)
            | ValueNone -> None)
        |> Seq.toArray

    checkNames scope.Failures bound

    // Without a meter the data say which one measures, and they are not open yet.
    if bound.Length > 0 && bound.Length = draft.Meters.Count then
        let names = bound |> Array.collect (fun (_, _, names) -> names)
        checkBest scope.Failures names draft.Best

    {
        EveryEpochs = draft.EveryEpochs
        BatchSize = draft.BatchSize
        Meters = bound |> Array.map (fun (_, choice, _) -> choice)
        Best = draft.Best
    }
