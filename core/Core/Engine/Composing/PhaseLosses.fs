namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Torch

/// The losses of a phase. A plan that names who learns from whom has a set for each such pair, heads and banks of its own in
/// each; one that does not has a single set, made for the roles that the losses' options name, which one role may train.
/// phase: empty for the main one. samples: of the training split.
[<Sealed>]
type internal PhaseLosses
    (phase: string, choices: IReadOnlyList<LossChoice>, maker: PluginMaker, run: LiveRun, data: DataInfo, samples: int64)
    =
    let make () =
        choices
        |> Seq.map (fun choice -> maker.Make<IDistillationLoss>(PluginKind.Loss, choice.Loss))
        |> Seq.toArray

    let first = make ()
    let mutable unbound = first
    let mutable single: IReadOnlyList<WeightedLoss> = null
    let mutable owner: string = null
    let mutable servesAll = false
    let pairs = Dictionary<struct (string * string), IReadOnlyList<WeightedLoss>>()

    let ids =
        let seen = Dictionary<string, int>()

        [|
            for choice in choices ->
                let id = choice.Loss.Id
                let n = seen.GetValueOrDefault id + 1
                seen[id] <- n
                if n = 1 then id else $"{id}-{n}"
        |]

    // A bank with a row for every sample is made when its loss is bound; a machine that cannot hold it would end the process.
    let checkBank (choice: LossChoice) (bindingFor: int64 -> LossBinding) =
        let bytesFor (n: int64) =
            use _ = torch.NewDisposeScope()
            use _ = RandomScope.Use 0UL
            use instance = RecipePlugins.Create(maker.Catalog, PluginKind.Loss, choice.Loss)
            let loss = instance.Plugin :?> IDistillationLoss
            loss.Bind(bindingFor n)

            if isNull loss.Module then
                0L
            else
                Memory.bytesOf loss.Module

        let foretold =
            // What it cannot be bound to at all, the binding itself tells.
            try
                Memory.foretell bytesFor samples
            with _ ->
                0.0

        let limit = Memory.limit ()

        if foretold > float limit then
            Fail.error
                CoreErrors.Memory
                $"The loss '{choice.Loss.Id}' keeps {Memory.text foretold} for {samples} training samples; this process may use {Memory.text (float limit)}."

    let bindOne (weighted: WeightedLoss) (binding: LossBinding) (namesOf: string -> string seq) =
        use _ =
            RandomScope.Use(run.Key.Derive("loss").Derive(phase).Derive(weighted.Id).Value)

        let place = "while it was bound"
        PluginCall.at weighted.Loss (fun () -> place) (fun () -> weighted.Loss.Bind binding)

        if not (isNull weighted.Loss.Module) then
            weighted.Loss.Module.``to`` run.Device |> ignore
            NormGuard.attach $"the loss '{weighted.Id}'" weighted.Loss.Module
            run.Modules[$"loss/{phase}/{weighted.Id}"] <- weighted.Loss.Module

        let taps = Dictionary<string, IReadOnlyCollection<string>>()

        for role in run.Roles.Values do
            let asked (name: string) =
                PluginCall.composing weighted.Loss place "Taps" (fun () -> weighted.Loss.Taps(name, role.Network.Shape))

            taps[role.Name] <- namesOf role.Name |> Seq.collect asked |> Seq.distinct |> Seq.toArray

        weighted.Taps <- taps

    // suffix: of the losses' names. namesOf: what a role is called when a loss is asked for the taps that it needs of it.
    // serves: which of the losses are bound.
    let bind
        (suffix: string)
        (shapes: IReadOnlyDictionary<string, NetworkShape>)
        (namesOf: string -> string seq)
        (serves: IDistillationLoss -> bool)
        =
        let losses = if isNull unbound then make () else unbound

        unbound <- null

        let counting =
            Func<_>(fun () -> Strata.counts (run.Feed SourceSection.Train).Source data.Classes)

        let bindingFor n = LossBinding(shapes, data, n, run.Device, Counting = counting)

        let serving =
            Array.zip3 ids (Seq.toArray choices) losses
            |> Array.filter (fun (_, _, loss) -> serves loss)

        if samples >= Memory.manySamples then
            for _, choice, _ in serving do
                checkBank choice bindingFor

        let bound =
            serving
            |> Array.map (fun (id, choice, loss) -> WeightedLoss(id + suffix, choice.Weight, loss))

        DrawCheck.During(
            "Binding the losses",
            fun () ->
                for weighted in bound do
                    bindOne weighted (bindingFor samples) namesOf
        )

        bound :> IReadOnlyList<WeightedLoss>

    let shapes () =
        let all = Dictionary<string, NetworkShape>()

        for role in run.Roles.Values do
            all[role.Name] <- role.Network.Shape

        all

    let bindSingle () =
        if isNull single then
            single <- bind "" (shapes ()) Seq.singleton (fun _ -> true)

        single

    // Two roles that train the same parameters would step them twice in an update.
    let own (role: string) =
        let set = bindSingle ()

        if isNull owner then
            owner <- role

        if owner <> role && set |> Seq.exists (fun l -> not (isNull l.Loss.Module)) then
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    $"The losses of the recipe have parameters or banks of their own, which '{owner}' trains: '{role}' cannot train them too.",
                    "Say who learns from whom, TrainableOf(role, teachers) for each role: then each pair has its own."
                )
            )

        set

    // For a loss its pair's roles are "student" and "teacher", whatever they are called in the run; further roles keep
    // their names.
    let bindPair (student: string) (teacher: string) =
        let all = shapes ()
        all[Roles.Student] <- (run.Role student).Network.Shape

        if isNull teacher then
            all.Remove Roles.Teacher |> ignore
        else
            all[Roles.Teacher] <- (run.Role teacher).Network.Shape

        let namesOf (role: string) =
            seq {
                if role = student then
                    Roles.Student

                if role = teacher then
                    Roles.Teacher

                if role <> Roles.Student && role <> Roles.Teacher then
                    role
            }

        bind
            (if isNull teacher then
                 $".{student}"
             else
                 $".{student}.{teacher}")
            all
            namesOf
            (fun loss -> not (isNull teacher && loss.NeedsTeacher))

    let text (struct (student: string, teacher: string)) =
        if isNull teacher then
            $"'{student}' by nobody"
        else
            $"'{student}' by '{teacher}'"

    /// The ids of those that need a teacher.
    member _.Teaching: IReadOnlyCollection<string> =
        Seq.zip choices first
        |> Seq.filter (fun (_, loss) -> loss.NeedsTeacher)
        |> Seq.map (fun (choice, _) -> choice.Loss.Id)
        |> Seq.toArray
        :> _

    /// Every one that is bound.
    member _.All: IReadOnlyList<WeightedLoss> =
        let ofPairs =
            pairs.Values |> Seq.filter (fun set -> not (obj.ReferenceEquals(set, single)))

        Seq.append
            (if isNull single then
                 Seq.empty
             else
                 single :> seq<WeightedLoss>)
            (Seq.concat ofPairs)
        |> Seq.toArray
        :> _

    /// The role that learns where everybody that does is taught by nobody; null where somebody teaches.
    member _.Untaught: string =
        let alone =
            pairs.Keys
            |> Seq.filter (fun (struct (_, teacher)) -> isNull teacher)
            |> Seq.map (fun (struct (student, _)) -> student)
            |> Seq.toArray

        if not servesAll && alone.Length > 0 && alone.Length = pairs.Count then
            alone[0]
        else
            null

    /// Binds what a plan that names no pairs learns by.
    member _.BindRest() =
        if pairs.Count = 0 then
            bindSingle () |> ignore

    /// The single set, for a role that trains it. Raises KDP0306 where another role does and there is something to train.
    member _.For(role: string) : IReadOnlyList<WeightedLoss> =
        let set = own role
        servesAll <- true
        set

    /// The set of a pair. teacher: null where nobody teaches.
    member _.For(student: string, teacher: string) : IReadOnlyList<WeightedLoss> =
        let key = struct (student, teacher)

        match pairs.TryGetValue key with
        | true, set -> set
        | _ ->
            let set =
                if student = Roles.Student && teacher = Roles.Teacher then
                    own student
                else
                    bindPair student teacher

            pairs[key] <- set
            set

    /// What a step's objective is made of. Raises KDP0306 for a pair that the plan has not named.
    member _.Of(student: string, teacher: string) : IReadOnlyList<WeightedLoss> =
        match pairs.TryGetValue(struct (student, teacher)) with
        | true, set -> set
        | _ when pairs.Count = 0 || servesAll && student = owner -> single
        | _ ->
            let known = String.Join(", ", pairs.Keys |> Seq.map text)

            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    $"The step asks for the losses of {text (struct (student, teacher))}; the plan has them for {known}.",
                    "Name the pair in the plan: TrainableOf(role, teachers)."
                )
            )
