namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp

/// What the answers that a recipe stores will take.
module internal ReplayCheck =

    /// A role's answers to a source's samples.
    type private Asked =
        {
            Role: RoleState
            Source: string
            Taps: HashSet<string>
        }

    let private start = Progress("", 0L, 0L, 1L)

    // Stages that ask a role which they do not train, and the taps that their phases' losses need of it.
    let private asked (composition: Composition) (section: TeacherCacheSection) : Asked list =
        let found = Dictionary<struct (string * string), Asked>()

        for phase in composition.Phases do
            let needs = phase.Strategy.Needs

            for stage in phase.Stages do
                for role in section.Roles |> Seq.distinct do
                    if
                        Seq.contains role needs
                        && not (Seq.contains role stage.Trains)
                        && composition.Run.Replay.SamplesOf stage.Source > 0L
                    then
                        let key = struct (role, stage.Source)

                        if not (found.ContainsKey key) then
                            found[key] <-
                                {
                                    Role = composition.Run.Roles[role]
                                    Source = stage.Source
                                    Taps = HashSet<string>()
                                }

                        for weighted in phase.Losses.All do
                            match weighted.Taps.TryGetValue role with
                            | true, taps -> found[key].Taps.UnionWith taps
                            | _ -> ()

        Seq.toList found.Values

    // What the network says to one sample.
    let private answer (composition: Composition) (one: Asked) : ModelOutput =
        let run = composition.Run
        let context = Evaluator.context run start :> IPartContext
        use _ = run.Evaluating()

        let view =
            (run.Feed one.Source).Source.Read(ReadOnlyMemory [| 0L |])
            |> BatchTensors.toDevice run.Device
            |> Pipeline.apply run.Shared context
            |> Pipeline.apply one.Role.Augmentations context

        one.Role.Network.Forward(view.Input, view.Mask, one.Taps)

    let private isTrained (composition: Composition) (role: string) =
        composition.Phases
        |> Seq.collect _.Stages
        |> Seq.exists (fun stage -> Seq.contains role stage.Trains)

    // Of the view that its strategy most likely asks about.
    let private present (composition: Composition) (one: Asked) : Nullable<float> =
        if isTrained composition one.Role.Name then
            Nullable()
        else
            let replay = composition.Run.Replay

            let path =
                if one.Role.Augmentations.Count = 0 then
                    []
                else
                    [ $"{one.Role.Name}.0" ]

            Nullable(replay.Present(one.Role.Name, one.Role.Network, one.Source, path, one.Taps))

    let private describe (composition: Composition) (one: Asked) : PreflightAnswers =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let replay = composition.Run.Replay
        let rows = replay.SamplesOf one.Source * replay.Section.Views

        let forms =
            replay.Forms(one.Role.Name, one.Role.Network, answer composition one, one.Taps)

        {
            Role = one.Role.Name
            Source = one.Source
            Samples = replay.SamplesOf one.Source
            Views = replay.Section.Views
            Folder = replay.Folder
            Bytes = forms |> Seq.sumBy (fun (_, form) -> RowFile.Size(form, rows))
            Present =
                if replay.Section.Store then
                    present composition one
                else
                    Nullable 0.0
            PassSeconds = 0.0
        }

    /// What is stored of each role; nothing without "teacherCache". Raises KDP0335 where it is more than the recipe allows,
    /// KDP0306 for logits of which there are no largest.
    let require (composition: Composition) : PreflightAnswers[] =
        match composition.Run.Replay with
        | null -> [||]
        | replay ->
            let all =
                asked composition replay.Section
                |> Seq.map (describe composition)
                |> Seq.toArray

            let bytes = all |> Seq.sumBy (fun a -> float a.Bytes)

            if replay.Section.Store && bytes > replay.Section.MaxGigabytes * 1073741824.0 then
                let parts =
                    String.Join(
                        ", ",
                        all
                        |> Seq.map (fun a ->
                            $"{Room.text (float a.Bytes)} of '{a.Role}' for {a.Samples} samples of '{a.Source}' in {a.Views} views")
                    )

                Fail.error
                    CoreErrors.CacheTooLarge
                    $"The answers take {Room.text bytes} ({parts}), and teacherCache.maxGigabytes is {OptionChecks.number replay.Section.MaxGigabytes}."

            all

    /// Tells what is doubtful about it.
    let warn (composition: Composition) (tell: string -> unit) =
        match composition.Run.Replay with
        | null -> ()
        | replay when replay.Section.TopLogits > 0L ->
            tell
                $"teacherCache.topLogits is {replay.Section.TopLogits}: losses see the teacher's other logits even. Their probability together is exact at temperature 1; losses that compare them one by one (at high temperatures, or by the ranks of classes) learn something else."
        | _ -> ()
