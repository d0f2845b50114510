namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Diagnostics
open TorchSharp
open KdPlugins.Torch

/// Holds every convolution and linear layer that computes while it watches against double precision, each before it computes
/// for the first time.
[<Sealed; AllowNullLiteral>]
type internal LayerCheck(judge: LayerJudge) =
    let seen = List<struct (TracedLayer * LayerVerdict)>()
    let clock = Stopwatch()
    let mutable unseen: IReadOnlyList<string> = [||]
    let mutable trace: LayerTrace = null

    let nameOf (name: string) =
        if name.StartsWith("role/", StringComparison.Ordinal) then
            name.Substring "role/".Length
        else
            name

    let roots (run: LiveRun) () : seq<struct (string * torch.nn.Module)> =
        let frozen =
            run.Roles.Values
            |> Seq.filter (fun role -> not (isNull role.Frozen))
            |> Seq.map (fun role -> struct ($"{role.Name}, frozen", role.Frozen.Module))

        run.Modules
        |> Seq.map (fun entry -> struct (nameOf entry.Key, entry.Value))
        |> Seq.append (Seq.toArray frozen)

    let layerOf (layer: TracedLayer) : CheckedLayer =
        {
            Role = layer.Root
            Name = layer.Name
            Kind = layer.Type
        }

    let wrong (shape: string) (found: (struct (TracedLayer * LayerVerdict)) seq) : WrongLayers =
        let verdicts = found |> Seq.map (fun struct (_, v) -> v) |> Seq.toArray

        // What differs by the gradients that are needed is one computation for people.
        let faults =
            verdicts
            |> Seq.collect _.Faults
            |> Seq.groupBy _.Answer
            |> Seq.map (fun (answer, all) -> LayerFault(answer, all |> Seq.map _.Off |> Seq.max))

        {
            Shape = shape
            Faults = Seq.toArray faults
            Ended =
                verdicts
                |> Seq.map _.Ended
                |> Seq.tryFind (isNull >> not)
                |> Option.defaultValue null
            Layers = found |> Seq.map (fun struct (l, _) -> layerOf l) |> Seq.distinct |> Seq.toArray
        }

    let report () : LayerReport =
        let layers =
            seen |> Seq.map (fun struct (l, _) -> layerOf l) |> Seq.distinct |> Seq.length

        let shapes =
            seen
            |> Seq.map (fun struct (l, _) -> l.Shape.ToJson())
            |> Seq.distinct
            |> Seq.length

        let wrongs =
            seen
            |> Seq.filter (fun struct (_, v) -> not v.IsRight)
            |> Seq.groupBy (fun struct (l, _) -> string l.Shape)
            |> Seq.map (fun (shape, found) -> wrong shape found)
            |> Seq.sortByDescending _.Worst
            |> Seq.toArray

        {
            Layers = layers
            Shapes = shapes
            Wrong = wrongs
            Unseen = if isNull trace then unseen else trace.Unseen()
        }

    let refuse (cause: exn) : 'a = raise (KdException(CoreErrors.WrongLayers, $"{report ()}.", null, cause))

    let find (layer: TracedLayer) =
        clock.Start()
        let verdict = judge.Find layer.Shape
        clock.Stop()
        seen.Add(struct (layer, verdict))
        verdict

    /// Watches a run's networks, generators, losses and what strategies registered, on this thread until it is disposed.
    /// Raises KDP0336 out of a layer that would end the process.
    member _.Watch(composition: Composition) : IDisposable =
        let look (layer: TracedLayer) =
            if not (isNull (find layer).Ended) then
                refuse null

        let watching = LayerTrace.Begin(Func<_>(roots composition.Run), Action<_> look)
        trace <- watching

        { new IDisposable with
            member _.Dispose() =
                unseen <- watching.Unseen()
                trace <- null
                watching.Dispose()
                judge.Rest()
        }

    /// Takes in what the run has got since.
    member _.Refresh() =
        if not (isNull trace) then
            trace.Refresh()

    /// Looks at what a run's folder says that computes; false where it says nothing.
    member _.Recall(recipe: Recipe, folder: string) : bool =
        match LayerRecord.read recipe folder with
        | ValueNone -> false
        | ValueSome(layers, missing) ->
            for layer in layers do
                find layer |> ignore

            judge.Rest()
            unseen <- missing
            true

    /// What was found so far.
    member _.Report() = report ()

    /// How long that took.
    member _.Spent = clock.Elapsed

    /// Whether something failed for what the layers are to blame for: raises KDP0336 then, as the recipe says.
    member this.Blame(recipe: Recipe, error: exn) =
        match error with
        | :? OperationCanceledException -> ()
        | :? KdException as e when e.Code = CoreErrors.WrongLayers -> ()
        | _ ->
            if recipe.WrongLayers = WrongLayersRule.Refuse && report().Wrong.Count > 0 then
                refuse error

    /// Keeps what was found in the run's folder; then raises KDP0336, or tells of it, as the recipe says. Layers that end the
    /// process are refused whatever it says.
    member _.Conclude(recipe: Recipe, folder: string, tell: string -> unit) =
        let found = report ()
        LayerRecord.write recipe folder found (seen |> Seq.map (fun struct (l, _) -> l))

        if found.Wrong.Count > 0 then
            if
                recipe.WrongLayers = WrongLayersRule.Refuse
                || found.Wrong |> Seq.exists (fun w -> not (isNull w.Ended))
            then
                refuse null
            else
                tell
                    $"{found}. The run goes on, since the recipe says \"wrongLayers\": \"{WrongLayersRule.Warn}\"; its results cannot be trusted."

        if found.Unseen.Count > 0 then
            let names = found.Unseen |> Seq.truncate 5 |> String.concat ", "

            let more =
                if found.Unseen.Count > 5 then
                    $" and {found.Unseen.Count - 5} more"
                else
                    ""

            tell
                $"{found.Unseen.Count} layers did not compute where they can be seen in the steps that were tried, so they were not held against double precision: {names}{more}."
