namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open TorchSharp
open KdPlugins.Torch

/// The stored answers that a recipe asks for.
module internal Replays =

    let private machine (run: LiveRun) =
        let native = if Autocast.IsNativeOnCpu then "native" else "emulated"

        let precision =
            if run.Training.Precision = torch.ScalarType.BFloat16 then
                $"bf16 {native}"
            else
                "float32"

        $"precision {precision}\ndevice {run.Device.``type``}\nlibtorch {torch.__version__}\n"

    let private chains (recipe: Recipe) (text: PluginChoice -> string) : IReadOnlyDictionary<string, string> =
        let all = Dictionary<string, string>()

        for section in recipe.Augmentations do
            all[section.Role] <- String.Join("", section.Chain |> Seq.map text)

        all

    /// The augmentations that take part in views whose answers are stored, with their places in the recipe.
    let private taking (recipe: Recipe) (run: LiveRun) =
        let places (section: string) (made: seq<IAugmentation>) =
            Seq.zip (recipe.AugmentationsOf section) made
            |> Seq.mapi (fun i (choice, one) -> $"augmentations.{section}[{i}] ('{choice.Id}')", one)

        Seq.append
            (places Recipe.Shared run.Shared)
            (recipe.TeacherCache.Roles
             |> Seq.collect (fun role -> places role run.Roles[role].Augmentations))

    let private isSampleWise (one: IAugmentation) =
        match one with
        | :? ISampleWiseAugmentation as known -> known.IsSampleWise && one.Consults.Count = 0
        | _ -> false

    let private requireSampleWise (recipe: Recipe) (run: LiveRun) =
        for place, one in taking recipe run do
            if not (isSampleWise one) then
                Fail.error
                    CoreErrors.NotReplayable
                    $"{place} does not say that a sample's view follows from that sample alone, and \"teacherCache\" stores answers by sample."

    /// Null where the recipe asks for none. Raises KDP0334 for an augmentation whose views follow from more than the sample.
    let make
        (recipe: Recipe)
        (run: LiveRun)
        (maker: PluginMaker)
        (origins: IReadOnlyDictionary<string, struct (string * int64)>)
        : TeacherCache =
        match recipe.TeacherCache with
        | none when none.IsNone -> null
        | section ->
            requireSampleWise recipe run

            let folder =
                match section.Folder with
                | null -> UserCache.Folder "answers"
                | given -> recipe.PathOf given

            // Networks and augmentations are made for the main data set, whichever source their batches come from.
            let struct (main, _) = origins[SourceSection.Train]

            let facts =
                {
                    Sources = origins
                    Models =
                        (recipe.Models
                         |> Seq.map (fun m -> m.Role, maker.Text(PluginKind.Model, m.Model))
                         |> readOnlyDict)
                    Chains = chains recipe (fun choice -> maker.Text(PluginKind.Augmentation, choice))
                    Streams = chains recipe (fun choice -> $"{choice.Id} {choice.Options}\n")
                    Machine = $"{machine run}made for {main}"
                }

            new TeacherCache(section, folder, facts, run.Clock, run.WarnOnce)

    /// Nothing of the run is to be stored: its steps are only tried.
    let tryOnly (run: LiveRun) =
        if not (isNull run.Replay) then
            run.Replay.IsTrial <- true
