namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.RegularExpressions

/// A meter, and those of its values that a run gives.
type internal UsedMeter =
    {
        Id: string
        Meter: IMeter
        Values: IReadOnlyList<MeterValue>
    }

/// What measures targets of one kind.
/// values: of all meters, what says most first. best: the name of the one that chooses the best state.
[<Sealed>]
type internal Panel(meters: IReadOnlyList<UsedMeter>, values: IReadOnlyList<MeterValue>, best: string) =

    /// In the recipe's order.
    member _.Meters = meters

    /// Of all meters, what says most first.
    member _.Values = values

    /// The name of the value that chooses the best state.
    member _.Best = best

    /// The taps that they need of a network.
    member _.Taps(shape: NetworkShape) : IReadOnlyCollection<string> =
        meters
        |> Seq.collect (fun m -> m.Meter.Taps shape)
        |> Seq.distinct
        |> Seq.toArray
        :> _

/// The meters of a run.
/// named: those of the recipe with their ids; none where the data's kind decides. wanted: the value that the recipe chooses the
/// best state by; null where it names none. byDefault: the meter of a kind where the recipe names none.
[<Sealed>]
type internal Meters
    (
        named: IReadOnlyList<struct (string * IMeter)>,
        wanted: string,
        byDefault: Func<TargetKind, struct (string * IMeter)>
    ) =
    static let kebab = Regex($"^({Names.Kebab})\\z")
    let panels = Dictionary<TargetKind, Panel>()
    let mutable isWhole = false

    let checkStatement (id: string) (meter: IMeter) =
        let fault (what: string) = Fail.error CoreErrors.MeterFault $"The meter '{id}' {what}."
        let names = meter.Values |> Seq.map _.Name |> Seq.toArray

        if names.Length = 0 then
            fault "states no value"

        match names |> Array.tryFind (kebab.IsMatch >> not) with
        | Some name -> fault $"states a value '{name}', which is no name in kebab-case"
        | None -> ()

        if (Array.distinct names).Length < names.Length then
            fault "states two values of one name"

        let chooses (value: MeterValue) = value.Name = meter.Chooser && value.IsBasic

        if not (Seq.exists chooses meter.Values) then
            fault $"chooses by '{meter.Chooser}', which is none of its basic values"

    let used (isWhole: bool) (struct (id, meter: IMeter)) =
        checkStatement id meter

        {
            Id = id
            Meter = meter
            Values = meter.Values |> Seq.filter (fun v -> isWhole || v.IsBasic) |> Seq.toArray
        }

    let fitting (kind: TargetKind) =
        let takes (struct (_, meter: IMeter)) = Seq.contains kind meter.Targets

        match named |> Seq.filter takes |> Seq.toArray with
        | [||] ->
            let takes (struct (id, meter: IMeter)) =
                let kinds = String.Join(" and ", meter.Targets)
                $"'{id}' takes {kinds}"

            let all = String.Join("; ", named |> Seq.map takes)
            Fail.error CoreErrors.NoMeter $"No meter of the recipe takes targets of the kind {kind}: {all}."
        | some -> some

    let make (kind: TargetKind) =
        let meters =
            if named.Count > 0 then
                fitting kind |> Array.map (used true)
            else
                [| used (isWhole || not (isNull wanted)) (byDefault.Invoke kind) |]

        let values = meters |> Seq.collect _.Values |> Seq.toArray

        // Another source may have targets that the wanted value does not measure.
        match values |> Array.tryFind (fun v -> v.Name = wanted) with
        | Some best ->
            let others = values |> Array.filter (fun v -> v.Name <> wanted)
            Panel(meters, Array.append [| best |] others, wanted)
        | None -> Panel(meters, values, meters[0].Meter.Chooser)

    /// Whether the default meter gives all that it can, as it does where the recipe chooses by one of its values.
    member _.IsWhole
        with get () = isWhole
        and set value = isWhole <- value

    /// What measures targets of a kind. Raises KDP0370 and KDP0372 where nothing does, or it is not clear what.
    member _.For(kind: TargetKind) : Panel =
        match panels.TryGetValue kind with
        | true, panel -> panel
        | _ ->
            let panel = make kind
            panels[kind] <- panel
            panel

    /// What measures the targets of a source that is sure to be evaluated. Raises as For does, and KDP0373 where that is not
    /// what the recipe chooses the best state by.
    member this.Require(source: string, kind: TargetKind) : Panel =
        let panel = this.For kind

        if not (isNull wanted) && panel.Best <> wanted then
            let known = String.Join(", ", panel.Values |> Seq.map _.Name)

            Fail.error
                CoreErrors.BestUnknown
                $"The best state is to be chosen by '{wanted}', which nothing measures on '{source}', whose targets are of the kind {kind}; there is: {known}."

        panel

/// The meter of a kind of target where a recipe names none.
module internal DefaultMeter =

    // One that is broken or needs options cannot be it, and is no reason against the others.
    let private ask (catalog: IPluginCatalog) (kind: TargetKind) (id: string) : Result<bool voption, string> =
        try
            use made =
                RecipePlugins.Create(catalog, PluginKind.Meter, { Id = id; Options = "{}" })

            match made.Plugin with
            | :? IMeter as meter when Seq.contains kind meter.Targets -> Ok(ValueSome meter.IsDefault)
            | _ -> Ok ValueNone
        with e ->
            Error $"'{id}' cannot be asked: {e.Message}"

    /// Its id: of the meters that take the kind the one that is meant for it, or else the only one. Raises KDP0370 where there
    /// is none, KDP0372 where there are several.
    let find (catalog: IPluginCatalog) (kind: TargetKind) : string =
        let asked =
            catalog.Plugins
            |> Seq.filter (fun p -> p.Kind = PluginKind.Meter)
            |> Seq.map (fun p -> p.Id, ask catalog kind p.Id)
            |> Seq.toArray

        let taking =
            asked
            |> Array.choose (fun (id, answer) ->
                match answer with
                | Ok(ValueSome isDefault) -> Some(id, isDefault)
                | _ -> None)

        match taking |> Array.filter snd, taking with
        | [| id, _ |], _
        | [||], [| id, _ |] -> id
        | [||], [||] ->
            let refused =
                asked
                |> Array.choose (fun (_, answer) ->
                    match answer with
                    | Error why -> Some $" {why}"
                    | _ -> None)
                |> String.Concat

            let known =
                if asked.Length = 0 then
                    "no meter is installed"
                else
                    "no installed meter takes them"

            Fail.error CoreErrors.NoMeter $"Nothing measures targets of the kind {kind}: {known}.{refused}"
        | several, others ->
            let candidates = if several.Length > 0 then several else others
            let ids = String.Join(", ", candidates |> Array.map fst)
            Fail.error CoreErrors.MeterChoice $"Targets of the kind {kind} could be measured by several meters: {ids}."
