namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules

/// A module, the parameters that it holds itself, and what is in it.
type internal ModuleTree =
    {
        Module: torch.nn.Module
        Own: Parameter[]
        Children: ModuleTree list
    }

    /// Of a module.
    static member Of(m: torch.nn.Module) : ModuleTree =
        {
            Module = m
            Own = [| for struct (_, p) in m.named_parameters (recurse = false) -> p |]
            Children = [ for struct (_, child) in m.named_children () -> ModuleTree.Of child ]
        }

    /// Whether some parameter in it is as asked for.
    member this.Exists(holds: Parameter -> bool) : bool =
        Array.exists holds this.Own || this.Children |> List.exists _.Exists(holds)

/// In which mode a part of a module is to be, with all that is in it.
type internal PartMode = (struct (torch.nn.Module * bool))

/// What is to be in training mode, and which parameters are to have gradients, at some moment of a stage.
type internal ModeSetting =
    {
        Parts: PartMode list
        Gradients: (struct (Parameter * bool))[]
    }

/// Sees to it that every module of the run is in the mode that the moment asks for, and that those parameters get gradients
/// that are being trained:
/// - a role is in training mode in a stage that names it in Trains, as far as the stage's trainables hold its parameters, wholly
///   where they hold none; a loss's module as far as they hold its parameters;
/// - what a strategy registered, and generators, as far as the running update's trainables hold their parameters, outside of
///   updates the stage's. A part that holds no parameters is as those within it, or else as what it is in; a module without
///   any trains;
/// - gradients get the parameters that the running update trains, outside of updates those that the stage trains, and what a
///   plugin has set to requires_grad = false in losses and state stays so. A parameter of losses and state that no stage of the
///   run trains is left as it is: where something reaches it, StageGuard tells.
/// modules: the run's, by the name they are saved under. trained: all parameters that some stage trains, by their handles.
[<Sealed>]
type internal Modes
    (
        modules: IReadOnlyDictionary<string, torch.nn.Module>,
        roles: IReadOnlyDictionary<string, RoleState>,
        trained: IReadOnlyDictionary<nativeint, Parameter>
    ) =
    let asMade = Dictionary<nativeint, bool>()
    let settings = Dictionary<string, ModeSetting>()
    let mutable stage: Stage = Unchecked.defaultof<_>
    let mutable trees: (struct (string * ModuleTree))[] = [||]
    let mutable current: ModeSetting voption = ValueNone
    let mutable isEvaluating = false

    let isIn (place: string) (name: string) = name.StartsWith(place, StringComparison.Ordinal)

    let handles (trainables: Trainable seq) =
        trainables
        |> Seq.collect (fun t -> t.Parameters |> Seq.map (fun struct (_, p) -> p.Handle))
        |> HashSet

    // train() goes down: named are those parts that are otherwise than what they are in.
    let parts (isTrained: Parameter -> bool) (tree: ModuleTree) : PartMode list =
        let anything _ = true

        let rec below (outer: bool) (part: ModuleTree) =
            let mode =
                if part.Own.Length > 0 then Array.exists isTrained part.Own
                elif part.Exists anything then part.Exists isTrained
                else outer

            let inner = part.Children |> List.collect (below mode)

            if mode = outer then
                inner
            else
                struct (part.Module, mode) :: inner

        let root = tree.Exists isTrained || not (tree.Exists anything)
        struct (tree.Module, root) :: (tree.Children |> List.collect (below root))

    let isTraining (module': PartMode list) =
        let struct (_, isTraining) = List.head module'
        isTraining

    let roleOf (name: string) = roles[name.Substring "role/".Length]

    let make (updating: HashSet<nativeint>) (ofStage: HashSet<nativeint>) : ModeSetting =
        let gradients = Dictionary<nativeint, struct (Parameter * bool)>()

        let want (p: Parameter) (wanted: bool) =
            match gradients.TryGetValue p.Handle with
            | true, struct (_, before) -> gradients[p.Handle] <- struct (p, before || wanted)
            | _ -> gradients[p.Handle] <- struct (p, wanted)

        let ofRole (role: RoleState) (tree: ModuleTree) =
            let held = tree.Exists(fun p -> ofStage.Contains p.Handle)

            for p in tree.Module.parameters () do
                want p (role.IsTrained && (not held || updating.Contains p.Handle))

            if held then
                parts (fun p -> role.IsTrained && ofStage.Contains p.Handle) tree
            else
                [ struct (tree.Module, role.IsTrained) ]

        let ofOther (name: string) (tree: ModuleTree) =
            for p in tree.Module.parameters () do
                let stays = not (trained.ContainsKey p.Handle) && not (isIn "generator/" name)
                want p (asMade[p.Handle] && (stays || updating.Contains p.Handle))

            let training = if isIn "loss/" name then ofStage else updating
            parts (fun p -> training.Contains p.Handle) tree

        let all =
            [
                for struct (name, tree) in trees do
                    if isIn "role/" name then
                        ofRole (roleOf name) tree
                    else
                        ofOther name tree
            ]

        for p in trained.Values do
            if not (gradients.ContainsKey p.Handle) then
                want p (asMade[p.Handle] && updating.Contains p.Handle)

        {
            // What is in two modules trains where one of them does.
            Parts = all |> List.sortBy isTraining |> List.concat
            Gradients = Seq.toArray gradients.Values
        }

    let apply (setting: ModeSetting) =
        for struct (part, isTraining) in setting.Parts do
            part.train isTraining

        for struct (p, wanted) in setting.Gradients do
            if p.requires_grad <> wanted then
                p.requires_grad <- wanted

        current <- ValueSome setting

    let note (p: Parameter) = asMade.TryAdd(p.Handle, p.requires_grad) |> ignore

    let settingOf (trainables: IReadOnlyList<Trainable>) =
        let names = trainables |> Seq.map _.Name |> Seq.distinct |> Seq.sort
        let key = String.Join('\n', names)

        match settings.TryGetValue key with
        | true, setting -> setting
        | _ ->
            let ofStage = handles stage.Trainables
            let updating = handles trainables

            let setting =
                // The usual case: an update trains what the stage trains.
                match settings.TryGetValue "" with
                | true, whole when updating.SetEquals ofStage -> whole
                | _ -> make updating ofStage

            settings[key] <- setting
            setting

    let during (change: unit -> unit) : IDisposable =
        let before, wasEvaluating = current, isEvaluating
        change ()

        { new IDisposable with
            member _.Dispose() =
                isEvaluating <- wasEvaluating
                ValueOption.iter apply before
        }

    /// Nothing is trained, and nothing computes in less than float32.
    member _.IsEvaluating = isEvaluating

    /// For the steps of a stage, outside of updates. Its roles have to know whether they are trained.
    member _.Enter(entered: Stage) =
        stage <- entered
        trees <- [| for entry in modules -> struct (entry.Key, ModuleTree.Of entry.Value) |]

        for entry in modules do
            for p in entry.Value.parameters () do
                note p

        Seq.iter note trained.Values

        settings.Clear()
        let ofStage = handles stage.Trainables
        settings[""] <- make ofStage ofStage
        apply settings[""]

    /// The stage is over: an evaluation from here on leaves everything in evaluation mode. Gradients are as they were made:
    /// libtorch computes norms otherwise where a parameter wants none, in the last digits.
    member _.Leave() =
        for p in Seq.append (modules.Values |> Seq.collect _.parameters()) trained.Values do
            match asMade.TryGetValue p.Handle with
            | true, made when p.requires_grad <> made -> p.requires_grad <- made
            | _ -> ()

        current <- ValueNone

    /// For an update, until it is disposed.
    member _.Updating(trainables: IReadOnlyList<Trainable>) : IDisposable =
        let setting = settingOf trainables

        match current with
        | ValueSome same when obj.ReferenceEquals(same, setting) -> null
        | _ -> during (fun () -> apply setting)

    /// For an evaluation, until it is disposed: everything is in evaluation mode, and stays so where no stage was entered.
    member _.Evaluating() : IDisposable =
        during (fun () ->
            isEvaluating <- true

            for entry in modules do
                entry.Value.eval ())
