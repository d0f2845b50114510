namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Diagnostics
open TorchSharp
open KdPlugins.Torch

/// Holds every convolution and linear layer that computes while it watches against double precision, each before it computes
/// for the first time.
/// rule: what becomes of wrong ones, as recipes say it.
[<Sealed; AllowNullLiteral>]
type internal LayerCheck(judge: LayerJudge, rule: string) =
    let seen = List<struct (TracedLayer * LayerVerdict)>()
    let routed = HashSet<struct (string * string)>()
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

    let isRouted (layer: TracedLayer) = routed.Contains(struct (layer.Root, layer.Name))

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
            IsRouted = found |> Seq.forall (fun struct (l, _) -> isRouted l)
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

    // A product is held against double precision too.
    let find (layer: TracedLayer) =
        clock.Start()
        let verdict = judge.Find layer.Shape

        if not verdict.IsRight && rule = WrongLayersRule.Route then
            let product = judge.Find(layer.Shape.ByProduct())

            if product.IsRight then
                routed.Add(struct (layer.Root, layer.Name)) |> ignore

        clock.Stop()
        seen.Add(struct (layer, verdict))
        verdict

    /// Watches a run's networks, generators, losses and what strategies registered, on this thread until it is disposed.
    /// Raises KDP0336 out of a layer that would end the process.
    member _.Watch(composition: Composition) : IDisposable =
        let look (layer: TracedLayer) =
            let verdict = find layer

            if not (isNull verdict.Ended || isRouted layer) then
                refuse null

            isRouted layer

        let watching = LayerTrace.Begin(Func<_>(roots composition.Run), Func<_, _> look)
        trace <- watching

        { new IDisposable with
            member _.Dispose() =
                unseen <- watching.Unseen()
                trace <- null
                watching.Dispose()
                judge.Rest()
        }

    /// Has the wrong layers of a run's networks compute products until it is disposed.
    member _.Route(composition: Composition) : LayerDetours = LayerDetours.Begin(Func<_>(roots composition.Run), routed)

    /// Whether layers have been looked at.
    member _.HasLooked = seen.Count > 0

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
    member _.Blame(error: exn) =
        match error with
        | :? OperationCanceledException -> ()
        | :? KdException as e when e.Code = CoreErrors.WrongLayers -> ()
        | _ ->
            if rule <> WrongLayersRule.Warn && report().Left.Count > 0 then
                refuse error

    /// Keeps what was found in the run's folder; then raises KDP0336, or tells of it, as the recipe says. Layers that end the
    /// process are refused whatever it says.
    member _.Conclude(recipe: Recipe, folder: string, tell: string -> unit) =
        let found = report ()
        LayerRecord.write recipe folder found (seen |> Seq.map (fun struct (l, _) -> l))

        if found.Left.Count > 0 then
            if
                rule <> WrongLayersRule.Warn
                || found.Left |> Seq.exists (fun w -> not (isNull w.Ended))
            then
                refuse null
            else
                tell
                    $"{found}. The run goes on, since the recipe says \"wrongLayers\": \"{WrongLayersRule.Warn}\"; its results cannot be trusted."
        elif found.Wrong.Count > 0 then
            tell $"{found}. Those products agree with double precision; they are slower and take more memory."

        if found.Unseen.Count > 0 then
            let names = found.Unseen |> Seq.truncate 5 |> String.concat ", "

            let more =
                if found.Unseen.Count > 5 then
                    $" and {found.Unseen.Count - 5} more"
                else
                    ""

            tell
                $"{found.Unseen.Count} layers did not compute where they can be seen in the steps that were tried, so they were not held against double precision: {names}{more}."
