namespace KdPlugins.Core

open KdPlugins.Torch

/// Where values lie on their way through the augmentations of every role.
module internal ValueRanges =

    // The range after one more augmentation; maker: the one that the present range comes from.
    let private step (struct (range: ValueRange, maker: string)) (place: string, one: IAugmentation) =
        match one with
        | :? IValueRangeAugmentation as known ->
            let after =
                try
                    known.OutputRange range
                with :? KdException as e when obj.ReferenceEquals(e.Code, CoreErrors.ValueRange) && maker <> "" ->
                    let detail = $"{place}: {e.Detail} That is what {maker} makes of them."
                    raise (KdException(e.Code, detail, e.Code.Remedy, e))

            struct (after, (if after = range then maker else place))
        | _ -> struct (ValueRange.Unknown, place)

    /// Raises KDP0330 for an augmentation that gets values that it is not made for. Images come in [0, 1].
    let check (composition: Composition) =
        let run, recipe = composition.Run, composition.Recipe

        let places (section: string) (made: seq<IAugmentation>) =
            Seq.zip (recipe.AugmentationsOf section) made
            |> Seq.mapi (fun i (choice, one) -> $"augmentations.{section}[{i}] ('{choice.Id}')", one)

        let start =
            if composition.Data.Info.Kind = InputKind.Image then
                ValueRange.Unit
            else
                ValueRange.Unknown

        for model in recipe.Models do
            Seq.append (places Recipe.Shared run.Shared) (places model.Role run.Roles[model.Role].Augmentations)
            |> Seq.fold step struct (start, "")
            |> ignore
